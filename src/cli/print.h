/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "base/base.h"
#include "sql/sql.h"

/*
 * print - rows as a table, CSV or JSON lines
 */
enum cli_print_format { CLI_PRINT_TABLE, CLI_PRINT_CSV, CLI_PRINT_JSON, CLI_PRINT_PARQUET };

struct cli_print_column {
    struct str name;
    bool right; /* numbers stand at the right */
};

struct cli_print {
    enum cli_print_format format;
    int fd;
    const char *target; /* its name, for messages */
    size_t cell_max;    /* table: characters of a cell; 0 = all */
    const struct cli_print_column *columns;
    size_t column_count;
    bool count_line; /* table: "(N rows)" */
    /* private */
    struct buf out;
    struct arena arena; /* table: rows that wait for the widths */
    VEC(struct str *) waiting;
    size_t *widths;
    bool begun;
    uint64_t row_count;
};

/* The caller has set the members above "private". */
int cli_print_begin(struct cli_print *p, struct err *err);
/* Cells are texts (ptr NULL = NULL); for JSON, JSON texts. Copied. */
int cli_print_row(struct cli_print *p, const struct str *cells, struct err *err);
int cli_print_end(struct cli_print *p, struct err *err);
void cli_print_done(struct cli_print *p);
#define AUTO_PRINT AUTO(cli_print_done)

/* All rows of `rows`, which are of the format's kind. */
int cli_print_rows(struct cli_print *p, struct sql_rows *rows, struct err *err);

/* Characters cells of a terminal that `s` takes, control characters as they are printed. */
size_t cli_print_width(struct str s);

#endif
