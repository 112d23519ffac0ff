/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind_state - where in the text a clause that keeps state stands
 *
 * The plan says which clause it is but not where: its nodes have lost their positions.  So the
 * clause's words are looked for in the tokens of the SELECT.  The same words may also stand in a
 * subquery over unnest(…), where they are harmless: of several places, the best one is not in
 * such parentheses, then is the least nested, then the first.
 */
#include "plan/bind.h"
#include "plan/complain.h"
#include "plan/token.h"

struct clause {
    const char *begins; /* the clause as sql/shape.c names it, or how that begins */
    const char *words[4];
    const char *second; /* must follow words[0]; NULL = anything */
    const char *hint;
};

#define HINT_GROUP "group downstream, or use a list function for values of one row"
#define HINT_JOIN  "put the stream on the left of a LEFT or INNER JOIN"

static const struct clause clauses[] = {
    {"GROUP BY", {"GROUP"}, "BY", HINT_GROUP},
    {"PIVOT", {"PIVOT"}, NULL, "pivot downstream"},
    {"DISTINCT",
     {"DISTINCT"},
     NULL,
     "drop duplicates downstream, or use list_distinct for values "
     "of one row"},
    {"UNION", {"UNION"}, NULL, "use UNION ALL"},
    {"EXCEPT", {"EXCEPT"}, NULL, "use WHERE"},
    {"INTERSECT", {"INTERSECT"}, NULL, "use WHERE"},
    {"ORDER BY", {"ORDER"}, "BY", "order downstream, or use list_sort for values of one row"},
    {"LIMIT", {"LIMIT", "FETCH", "OFFSET"}, NULL, "drop it"},
    {"a sample", {"TABLESAMPLE", "SAMPLE"}, NULL, "use WHERE random() < 0.1"},
    {"a window function", {"OVER", "QUALIFY"}, NULL, "number and compare rows downstream"},
    {"WITH RECURSIVE", {"RECURSIVE"}, NULL, "do that downstream"},
    {"POSITIONAL JOIN", {"POSITIONAL"}, NULL, "join downstream"},
    {"a join of", {"JOIN", "IN", "EXISTS"}, NULL, "join downstream"},
    {"an outer join", {"JOIN"}, NULL, HINT_JOIN},
    {"a SEMI or ANTI", {"JOIN"}, NULL, HINT_JOIN},
    {"IN or EXISTS", {"IN", "EXISTS"}, NULL, HINT_JOIN},
    {"a scalar subquery", {"SELECT"}, NULL, HINT_JOIN},
};

static const struct clause *find_clause(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(clauses); i++) {
        if (str_starts(str_of(name), str_of(clauses[i].begins))) {
            return &clauses[i];
        }
    }
    return NULL;
}

/* A pair of parentheses; number 0 is the whole text. */
struct group {
    size_t outer;
    size_t depth;
    bool row_local; /* has a FROM of unnest(…) or the like right in it */
};

static bool is_row_local(const struct plan_token *from)
{
    static const char *const functions[] = {"unnest", "range", "generate_series", "json_each"};
    if (!plan_token_is(from, "FROM") || !plan_token_is_symbol(from + 2, '(')) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(functions); i++) {
        if (plan_token_is(from + 1, functions[i])) {
            return true;
        }
    }
    return false;
}

/* Which group each token stands in; both arrays are in the arena. */
static struct group *find_groups(struct arena *arena, const struct plan_tokens *tokens,
                                 size_t *group_of)
{
    struct group *groups = arena_new_array(arena, struct group, tokens->count + 1);
    size_t count = 1;
    size_t at = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        const struct plan_token *token = &tokens->items[i];
        group_of[i] = at;
        if (plan_token_is_symbol(token, '(')) {
            groups[count] = (struct group){.outer = at, .depth = groups[at].depth + 1};
            at = count++;
        } else if (plan_token_is_symbol(token, ')')) {
            at = groups[at].outer;
        } else if (i + 2 < tokens->count && is_row_local(token)) {
            groups[at].row_local = true;
        }
    }
    return groups;
}

/* Does the clause begin at this token? Aggregates are "name()", "count(*)". */
static bool fits(const struct plan_token *token, const struct clause *clause, const char *name)
{
    if (clause == NULL) {
        struct str function = str_head(str_of(name), strcspn(name, "("));
        return token->kind == PLAN_TOKEN_WORD && str_eq_nocase(token->text, function) &&
               plan_token_is_symbol(token + 1, '(');
    }
    for (size_t i = 0; i < ARRAY_COUNT(clause->words) && clause->words[i] != NULL; i++) {
        if (plan_token_is(token, clause->words[i])) {
            return clause->second == NULL || plan_token_is(token + 1, clause->second);
        }
    }
    return false;
}

/* Byte of the body; -1 = not found. */
static int64_t find_place(struct arena *arena, const struct plan_tokens *tokens,
                          const struct clause *clause, const char *name)
{
    size_t *group_of = arena_new_array(arena, size_t, tokens->count);
    const struct group *groups = find_groups(arena, tokens, group_of);
    const struct plan_token *best = NULL;
    size_t best_score = SIZE_MAX;
    for (size_t i = 0; i + 1 < tokens->count; i++) {
        if (!fits(&tokens->items[i], clause, name)) {
            continue;
        }
        const struct group *group = &groups[group_of[i]];
        size_t score = group->depth + (group->row_local ? tokens->count : 0);
        if (score < best_score) {
            best_score = score;
            best = &tokens->items[i];
        }
    }
    return best == NULL ? -1 : (int64_t)best->offset;
}

int plan_bind_refuse_state(const struct plan_binder *b, const struct plan_piece *piece,
                           const char *clause)
{
    AUTO_ARENA struct arena arena = {0};
    struct plan_subst subst;
    struct plan_tokens tokens;
    struct err inner;
    int64_t offset = -1;
    plan_subst_none(&arena, piece->body, &subst);
    const struct clause *known = find_clause(clause);
    if (plan_token_scan(&arena, b->plan->file, &subst, &tokens, &inner) == 0) {
        offset = find_place(&arena, &tokens, known, clause);
        if (offset < 0 && known == &clauses[0]) {
            /* A PIVOT is planned as a GROUP BY. */
            int64_t pivot = find_place(&arena, &tokens, &clauses[1], "PIVOT");
            if (pivot >= 0) {
                clause = "PIVOT";
                known = &clauses[1];
                offset = pivot;
            }
        }
    }
    return plan_bind_complain(
        b, piece, offset,
        "%s keeps state across batches, which a streaming table does not do yet; %s", clause,
        known == NULL ? HINT_GROUP : known->hint);
}
