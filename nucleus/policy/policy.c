#include "policy.h"
#include "match.h"
#include "parse.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

/* The policies of one principal. */
struct principal {
    char *name;
    struct sedge_rule *rules;
    size_t n;
};

struct sedge_policy {
    struct principal *principals;
    size_t n;
    uint64_t generation;
};

static bool is_service(const char *name)
{
    size_t n;
    const char *const *services = sedge_services(&n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(services[i], name) == 0) return true;
    return false;
}

bool sedge_policy_knows(const char *service, const char *operation)
{
    if (!operation) return false;
    return strcmp(operation, "*") == 0 ? is_service(service) : sedge_service_has(service, operation);
}

enum sedge_match_style sedge_policy_style(const char *service)
{
    return strcmp(service, SEDGE_SERVICE_MQTTPROXY) == 0 ? SEDGE_MATCH_MQTT : SEDGE_MATCH_STANDARD;
}

static void release_principal(struct principal *p)
{
    sedge_rules_free(p->rules, p->n);
    free(p->name);
}

static struct principal *find(const struct sedge_policy *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->principals[i].name, name) == 0) return &p->principals[i];
    return NULL;
}

static struct principal *find_or_add(struct sedge_policy *p, const char *name)
{
    struct principal *x = find(p, name);

    if (x) return x;
    p->principals = sedge_xrealloc(p->principals, p->n + 1, sizeof *p->principals);
    x = &p->principals[p->n++];
    *x = (struct principal){.name = sedge_xstrdup(name)};
    return x;
}

static void add_rule(struct principal *x, const char *service, const char *operation, const char *resource)
{
    struct sedge_rule *r;

    x->rules = sedge_xrealloc(x->rules, x->n + 1, sizeof *x->rules);
    r = &x->rules[x->n++];
    *r = (struct sedge_rule){.service = sedge_xstrdup(service)};
    sedge_strv_add(&r->operations, operation);
    r->patterns = sedge_xcalloc(1, sizeof *r->patterns);
    sedge_assert(sedge_match_compile(resource, &r->patterns[0], NULL) == 0);
    r->npatterns = 1;
}

struct sedge_policy *sedge_policy_new(void)
{
    struct sedge_policy *p = SEDGE_NEW(struct sedge_policy);

    p->generation = 1;
    add_rule(find_or_add(p, "*"), SEDGE_SERVICE_TES, "getCredentials", "*"); /* built in: every component */
    return p;
}

void sedge_policy_free(struct sedge_policy *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->n; i++)
        release_principal(&p->principals[i]);
    free(p->principals);
    free(p);
}

uint64_t sedge_policy_generation(const struct sedge_policy *p)
{
    return p->generation;
}

void sedge_policy_remove_component(struct sedge_policy *p, const char *component)
{
    struct principal *x = strcmp(component, "*") == 0 ? NULL : find(p, component);

    if (!x) return;
    release_principal(x);
    *x = p->principals[--p->n];
    p->generation++;
}

void sedge_policy_set_component(struct sedge_policy *p, const char *component, struct json_object *access_control,
                                sedge_policy_warn_cb warn, void *user)
{
    struct sedge_rules rules = {NULL, 0};
    struct principal *x;

    if (strcmp(component, "*") == 0) return; /* no component can be called so */
    sedge_rules_parse(component, access_control, warn, user, &rules);
    x = find_or_add(p, component);
    sedge_rules_free(x->rules, x->n);
    x->rules = rules.v;
    x->n = rules.n;
    p->generation++;
}

void sedge_policy_allow_all(struct sedge_policy *p, const char *principal, const char *service)
{
    add_rule(find_or_add(p, principal), service, "*", "*");
    p->generation++;
}

static bool permits(const struct sedge_rule *r, const char *service, const char *operation, const char *resource,
                    enum sedge_match_style style)
{
    if (strcmp(r->service, service) != 0) return false;
    if (!sedge_strv_has(&r->operations, operation) && !sedge_strv_has(&r->operations, "*")) return false;
    if (!resource) return true;
    for (size_t i = 0; i < r->npatterns; i++)
        if (sedge_match_run(&r->patterns[i], resource, style)) return true;
    return false;
}

static bool principal_may(const struct sedge_policy *p, const char *principal, const char *service,
                          const char *operation, const char *resource, enum sedge_match_style style)
{
    const struct principal *x = find(p, principal);

    for (size_t i = 0; x && i < x->n; i++)
        if (permits(&x->rules[i], service, operation, resource, style)) return true;
    return false;
}

static bool is_exempt(const char *service, const char *principal)
{
    if (strcmp(service, SEDGE_SERVICE_CLI) == 0)
        return sedge_str_starts(principal, SEDGE_CLI_IDENTITY) || strcmp(principal, SEDGE_SERVICE_CLI) == 0;
    if (strcmp(service, SEDGE_SERVICE_SHADOW) == 0) return strcmp(principal, SEDGE_SERVICE_SHADOW) == 0;
    if (strcmp(service, SEDGE_SERVICE_METRIC) == 0) return strcmp(principal, "aws.greengrass.StreamManager") == 0;
    return false;
}

static int deny(struct sedge_err *err, const char *service, const char *principal, const char *operation,
                const char *resource)
{
    if (strcmp(service, SEDGE_SERVICE_MQTTPROXY) == 0) return sedge_err_set(err, SEDGE_E_DENIED, "Not Authorized");
    return sedge_err_set(err, SEDGE_E_DENIED, "Principal %s is not authorized to perform %s:%s on resource %s",
                         principal, service, operation, resource ? resource : "null");
}

/* What is refused whatever the policies say. */
static int check_request(const char *service, const char *principal, const char *operation, const char *resource,
                         struct sedge_err *err)
{
    if (!sedge_policy_knows(service, operation) || strcmp(operation, "*") == 0)
        return sedge_err_set(err, SEDGE_E_DENIED, "Component %s not registered for operation %s", service, operation);
    if (strcmp(service, SEDGE_SERVICE_CLI) == 0 && !*principal)
        return sedge_err_set(err, SEDGE_E_DENIED, "Component is not authorized to call CLI APIs");
    if (strcmp(service, SEDGE_SERVICE_METRIC) == 0 && !sedge_str_starts(principal, "aws."))
        return sedge_err_set(err, SEDGE_E_DENIED, "Principal %s is not authorized to perform %s:%s ", principal,
                             service, operation);
    if (resource && resource[strspn(resource, " \t\r\n")] == '\0')
        return strcmp(service, SEDGE_SERVICE_MQTTPROXY) == 0
                   ? deny(err, service, principal, operation, resource)
                   : sedge_err_set(err, SEDGE_E_DENIED, "Resource cannot be empty");
    return 0;
}

int sedge_policy_check(const struct sedge_policy *p, const char *service, const char *principal, const char *operation,
                       const char *resource, enum sedge_match_style style, struct sedge_err *err)
{
    if (check_request(service, principal, operation, resource, err) != 0) return -1;
    if (is_exempt(service, principal) || principal_may(p, principal, service, operation, resource, style) ||
        principal_may(p, "*", service, operation, resource, style))
        return 0;
    return deny(err, service, principal, operation, resource);
}
