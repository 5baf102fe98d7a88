/* Which handler a request is for. */
#include "base/http_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"

static bool is_method(const struct http_route *route, const char *method)
{
    return !strcmp(route->method, strcmp(method, "HEAD") != 0 ? method : "GET");
}

static void list_routes(void *owner, struct http_request *request)
{
    const struct http_route *routes = request->routes;
    CLEANUP(buf_fini) struct buf text = {0};

    (void)owner;
    for (const struct http_route *route = routes; route->path; route++)
        buf_printf(&text, "%-4s %-28s %s\n", route->method, route->path, route->help);
    http_reply(request, MHD_HTTP_OK, "text/plain; charset=utf-8", &text);
}

static const struct http_route help_route = {"GET", "/help", list_routes, "this list"};

static void add_method(char *methods, size_t size, const char *method)
{
    size_t used = strlen(methods);
    const char *also = strcmp(method, "GET") != 0 ? "" : ", HEAD";

    snprintf(methods + used, size - used, "%s%s%s", used ? ", " : "", method, also);
}

static void refuse_method(struct http_request *request, const char *method, const char *allowed)
{
    char message[256];
    struct MHD_Response *response;

    snprintf(message, sizeof(message), "%.32s is not possible here; %s is", method, allowed);
    response = http_response_error(MHD_HTTP_METHOD_NOT_ALLOWED, message);
    BUG_ON(MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allowed) != MHD_YES);
    http_answer(request, MHD_HTTP_METHOD_NOT_ALLOWED, response);
}

void http_find_route(struct http_request *request, const struct http_route *routes,
                     const char *method)
{
    const char *path = request->target.path;
    char allowed[64] = "";

    if (!strcmp(path, help_route.path) && is_method(&help_route, method))
        request->route = &help_route;
    request->routes = routes;
    for (const struct http_route *route = routes; route->path && !request->route; route++) {
        if (strcmp(route->path, path) != 0)
            continue;
        if (is_method(route, method))
            request->route = route;
        else
            add_method(allowed, sizeof(allowed), route->method);
    }
    if (!request->route && *allowed)
        refuse_method(request, method, allowed);
    else if (!request->route)
        http_reply_error(request, MHD_HTTP_NOT_FOUND,
                         "there is nothing at %s; GET /help lists what there is", path);
}
