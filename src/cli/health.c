/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - asks a running Sluice whether it is well: for HEALTHCHECK and probes
 */
#include "cli/health.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/health_get.h"
#include "plan/secret.h"

#define ADDRESS_PRESET "127.0.0.1:4040"
#define STATUS_OK      200

struct health_values {
    struct cli_common common;
    bool ready;
    int64_t timeout_us;
};

/* The URL that was given, or the address that the server beside us listens on. */
static int find_target(const struct health_values *v, const char *url,
                       struct cli_health_target *ret_target, struct err *err)
{
    struct cli_health_target target;
    if (url != NULL) {
        plan_secret_mask_urls(str_of(url)); /* of a user and password, which are refused */
        TRY(cli_health_get_parse_url(str_of(url), &target, err));
    } else {
        const char *address = getenv("SLUICE_UI_ADDRESS");
        bool given = address != NULL && address[0] != '\0';
        int rc =
            cli_health_get_parse_address(str_of(given ? address : ADDRESS_PRESET), &target, err);
        if (rc < 0) {
            return err_wrap(err, "SLUICE_UI_ADDRESS");
        }
    }
    bool has_path = strlen(target.path) > 1;
    if (has_path && v->ready) {
        return err_set(err, ERR_CONFIG, "--ready asks /readyz, but the URL has the path \"%s\"",
                       target.path);
    }
    if (!has_path) {
        snprintf(target.path, sizeof(target.path), v->ready ? "/readyz" : "/healthz");
    }
    *ret_target = target;
    return 0;
}

static int health_main(const struct cli_args *args, const void *values, struct err *err)
{
    const struct health_values *v = values;
    if (v->timeout_us <= 0) {
        return err_set(err, ERR_CONFIG, "--timeout is more than 0 seconds");
    }
    struct cli_health_target target;
    AUTO_BUF struct buf body = {0};
    TRY(find_target(v, args->count > 0 ? args->items[0] : NULL, &target, err));
    int status = TRY(cli_health_get(&target, v->timeout_us, &body, err));
    struct str text = str_trim(buf_str(&body));
    if (status != STATUS_OK) {
        return err_set_retry(err, "%s answered %d: %.*s", target.path, status, STR_FMT(text));
    }
    AUTO_BUF struct buf line = {0};
    buf_add_str(&line, text);
    buf_add_char(&line, '\n');
    return cli_out_write(buf_str(&line), err);
}

static const struct cli_option health_options[] = {
    {.name = "ready",
     .type = CLI_FLAG,
     .offset = offsetof(struct health_values, ready),
     .help = "ask /readyz: every query reads and is not far behind; else /healthz: it is alive"},
    {.name = "timeout",
     .type = CLI_SECONDS,
     .offset = offsetof(struct health_values, timeout_us),
     .preset = "3",
     .value = "SECONDS",
     .help = "how long to wait for the whole answer"},
    {0},
};

const struct cli_command cli_health_command = {
    .name = "health",
    .arguments = "[URL]",
    .summary = "ask a running Sluice whether it is well; for health checks and probes",
    .about =
        "URL is http://HOST[:PORT][/PATH]; without it $SLUICE_UI_ADDRESS is asked, or\n"
        "127.0.0.1:4040. The exit code is 0 for the answer 200, 4 for another answer or none,\n"
        "2 for a URL that cannot be asked.\n",
    .examples = "  sluice health\n"
                "  sluice health --ready --timeout 1\n"
                "  sluice health http://sluice:4040/readyz\n",
    .options = health_options,
    .values_bytes = sizeof(struct health_values),
    .args_max = 1,
    .run = health_main,
};
