/* Where a link may listen and connect to, and whom its keys let in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <czmq.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "tests/unit/link_fixture.h"

static void a_port_in_use_is_said_with_advice(void **state)
{
    struct fixture *self = *state;
    struct link_server_events events = {.owner = self};
    struct link_server *second = NULL;
    struct err err;
    char expected[ERR_TEXT_MAX];

    fixture_serve(self);
    assert_int_equal(link_server_new(self->context, &self->settings, &events, &second, &err),
                     -EADDRINUSE);
    snprintf(expected, sizeof(expected),
             "bind 127.0.0.1:%u: Address already in use: is another master running? choose another "
             "--port",
             self->settings.port);
    assert_string_equal(err.text, expected);
    assert_null(second);
}

static int try_to_serve(struct fixture *self, const char *address, bool insecure, struct err *err)
{
    struct link_server_settings settings = {.address = address, .insecure = insecure};
    struct link_server_events events = {.owner = self};
    struct link_server *server = NULL;
    int result = link_server_new(self->context, &settings, &events, &server, err);

    link_server_destroy(&server);
    return result;
}

static int try_to_connect(struct fixture *self, const char *address, bool insecure,
                          const struct link_keys *keys, struct err *err)
{
    struct link_client_settings settings = {
        .address = address, .kind = PEER_AGENT, .insecure = insecure, .keys = keys};
    struct link_client_events events = {.owner = self};
    struct link_client *client = NULL;
    int result = link_client_new(self->context, &settings, &events, &client, err);

    link_client_destroy(&client, 0);
    return result;
}

static void without_keys_there_is_only_this_host(void **state)
{
    struct fixture *self = *state;
    struct err err;

    assert_int_equal(try_to_serve(self, "0.0.0.0", false, &err), -EPERM);
    assert_non_null(strstr(err.text, "keys"));
    assert_int_equal(try_to_serve(self, "0.0.0.0", true, &err), 0);
    assert_int_equal(try_to_serve(self, "127.0.0.2", false, &err), 0);
    assert_int_equal(try_to_connect(self, "10.0.0.1:5050", false, NULL, &err), -EPERM);
    assert_non_null(strstr(err.text, "10.0.0.1:5050"));
    assert_int_equal(try_to_connect(self, "master.example:5050", false, NULL, &err), -EPERM);
    assert_int_equal(try_to_connect(self, "10.0.0.1:5050", true, NULL, &err), 0);
    assert_int_equal(try_to_connect(self, "localhost:5050", false, NULL, &err), 0);
    assert_int_equal(try_to_connect(self, "[::1]:5050", false, NULL, &err), 0);
}

static void addresses_that_are_none_are_refused(void **state)
{
    static const char *const wrong[] = {
        "",          "host",        ":5050",   "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
        "::1:5050",  "[::1]",       "[a]:1",   "tcp://a:1",  "a;b:1",       "127.0.0.1:50 50",
        "127.0.0.1", "127.0.0.1:x", "[::1:50", "a b:1",
    };
    struct fixture *self = *state;
    struct err err;

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        if (try_to_connect(self, wrong[i], true, NULL, &err) != -EINVAL)
            fail_msg("\"%s\" was taken", wrong[i]);
    }
    assert_int_equal(try_to_serve(self, "localhost", false, &err), -EINVAL);
    assert_int_equal(try_to_serve(self, "*", true, &err), -EINVAL);
    assert_int_equal(try_to_serve(self, "203.0.113.1", true, &err), -EADDRNOTAVAIL);
    assert_non_null(strstr(err.text, "no such address"));
}

static void names_and_ipv6_find_the_server(void **state)
{
    struct fixture *self = *state;
    struct seen *seen;
    char address[64];

    fixture_serve(self);
    snprintf(address, sizeof(address), "localhost:%u", self->settings.port);
    seen = fixture_connect(self, &(struct link_client_settings){.address = address});
    assert_true(fixture_happens(self, &seen->opens, 1));
}

/* --- keys ------------------------------------------------------------------------------------- */

struct pair {
    struct link_keys keys;
    const char *peer;
};

static void make_pair(struct pair *pair)
{
    *pair = (struct pair){0};
    assert_int_equal(zmq_curve_keypair(pair->keys.public_key, pair->keys.secret_key), 0);
}

/* `who` takes `whom` as its only peer. */
static void trust(struct pair *who, const struct pair *whom)
{
    who->peer = whom->keys.public_key;
    who->keys.peers = &who->peer;
    who->keys.peers_count = 1;
}

static struct seen *connect_with(struct fixture *self, const struct link_keys *keys)
{
    return fixture_connect(self, &(struct link_client_settings){.keys = keys});
}

static void a_listed_key_is_let_in_and_another_is_not(void **state)
{
    struct fixture *self = *state;
    struct pair server, listed, other;
    struct seen *seen;

    make_pair(&server);
    make_pair(&listed);
    make_pair(&other);
    trust(&server, &listed);
    trust(&listed, &server);
    trust(&other, &server);
    self->on_message = fixture_echo;
    self->settings.keys = &server.keys;
    fixture_serve(self);
    seen = connect_with(self, &listed.keys);
    assert_true(fixture_happens(self, &seen->opens, 1));
    seen = connect_with(self, &other.keys);
    assert_true(fixture_happens(self, &seen->closes, 1));
    assert_true(seen->is_final);
    assert_non_null(strstr(seen->reason, "does not let this key in"));
    assert_non_null(strstr(seen->reason, other.keys.public_key));
    fixture_send(&self->clients[0], 1, 10);
    fixture_await(self, &self->clients[0].messages, 10);
}

static void any_key_is_let_in_when_none_is_listed(void **state)
{
    struct fixture *self = *state;
    struct pair server, other;

    make_pair(&server);
    make_pair(&other);
    trust(&other, &server);
    self->settings.keys = &server.keys;
    fixture_serve(self);
    assert_true(fixture_happens(self, &connect_with(self, &other.keys)->opens, 1));
}

static void a_wrong_server_key_is_trouble(void **state)
{
    struct fixture *self = *state;
    struct pair server, client, other;
    struct seen *seen;

    make_pair(&server);
    make_pair(&client);
    make_pair(&other);
    trust(&client, &other);
    self->settings.keys = &server.keys;
    fixture_serve(self);
    seen = connect_with(self, &client.keys);
    assert_true(fixture_happens(self, &seen->troubles, 1));
    print_message("wrong server key: %s\n", seen->reason);
    assert_non_null(strstr(seen->reason, "key"));
    assert_int_equal(seen->opens, 0);
}

static void keys_on_one_side_only_are_trouble(void **state)
{
    struct fixture *self = *state;
    struct pair server, client;
    struct seen *seen;

    make_pair(&server);
    make_pair(&client);
    trust(&client, &server);
    fixture_serve(self);
    seen = connect_with(self, &client.keys);
    assert_true(fixture_happens(self, &seen->troubles, 1));
    print_message("keys at the client only: %s\n", seen->reason);
    assert_non_null(strstr(seen->reason, "keys"));
    link_client_destroy(&seen->client, 0);
    link_server_destroy(&self->server);
    self->settings.keys = &server.keys;
    fixture_serve(self);
    seen = connect_with(self, NULL);
    assert_true(fixture_happens(self, &seen->troubles, 1));
    print_message("keys at the server only: %s\n", seen->reason);
    assert_non_null(strstr(seen->reason, "keys"));
}

static void keys_that_are_none_are_refused(void **state)
{
    struct fixture *self = *state;
    struct pair server, client;
    struct link_server_events events = {.owner = self};
    struct link_server *none;
    struct err err;

    make_pair(&server);
    make_pair(&client);
    assert_int_equal(try_to_connect(self, "10.0.0.1:1", false, &client.keys, &err), -EINVAL);
    server.peer = "no key";
    server.keys.peers = &server.peer;
    server.keys.peers_count = 1;
    self->settings.keys = &server.keys;
    assert_int_equal(link_server_new(self->context, &self->settings, &events, &none, &err),
                     -EINVAL);
    assert_non_null(strstr(err.text, "no key"));
    server.keys.peers_count = 0;
    memset(server.keys.secret_key, '#', 10);
    server.keys.secret_key[10] = '\0';
    assert_int_equal(link_server_new(self->context, &self->settings, &events, &none, &err),
                     -EINVAL);
    assert_non_null(strstr(err.text, "secret key"));
}

static void keys_are_read_from_certificates(void **state)
{
    char path[] = "/tmp/proffer-test-XXXXXX";
    CLEANUP(close_fd) int fd = mkstemp(path);
    CLEANUP(free_p) char *secret = mem_printf("%s_secret", path);
    zcert_t *made = zcert_new();
    struct link_keys keys;
    struct err err;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(zcert_save(made, path), 0);
    assert_int_equal(link_keys_load(path, LINK_CLIENT, &keys, &err), 0);
    assert_string_equal(keys.public_key, zcert_public_txt(made));
    assert_string_equal(keys.secret_key, zcert_secret_txt(made));
    assert_int_equal(link_keys_load(secret, LINK_CLIENT, &keys, &err), 0);
    assert_string_equal(keys.secret_key, zcert_secret_txt(made));
    assert_int_equal(chmod(secret, 0644), 0);
    assert_int_equal(link_keys_load(path, LINK_CLIENT, &keys, &err), -EACCES);
    assert_non_null(strstr(err.text, "chmod"));
    assert_int_equal(unlink(secret), 0);
    assert_int_equal(link_keys_load(path, LINK_CLIENT, &keys, &err), 0);
    assert_string_equal(keys.public_key, zcert_public_txt(made));
    assert_string_equal(keys.secret_key, "");
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(link_keys_load(path, LINK_CLIENT, &keys, &err), -EINVAL);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(link_keys_load(path, LINK_CLIENT, &keys, &err), -ENOENT);
    zcert_destroy(&made);
}

/* --- metadata of certificates ------------------------------------------------------------------- */

struct files {
    char folder[32];
    char *certificate, *list;
    zcert_t *pair;
};

static void files_make(struct files *self)
{
    snprintf(self->folder, sizeof(self->folder), "/tmp/proffer-test-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    self->certificate = mem_printf("%s/keys", self->folder);
    self->list = mem_printf("%s/clients", self->folder);
    self->pair = zcert_new();
}

static void files_remove(struct files *self)
{
    CLEANUP(free_p) char *secret = mem_printf("%s_secret", self->certificate);

    unlink(secret);
    unlink(self->certificate);
    unlink(self->list);
    rmdir(self->folder);
    free(self->certificate);
    free(self->list);
    zcert_destroy(&self->pair);
}

static void files_list(const struct files *self, const char *text)
{
    FILE *file = fopen(self->list, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void a_clients_certificate_names_its_server(void **state)
{
    CLEANUP(files_remove) struct files files;
    struct link_keys keys;
    struct pair server;
    struct err err;

    (void)state;
    files_make(&files);
    make_pair(&server);
    zcert_set_meta(files.pair, "server", "%s", server.keys.public_key);
    assert_int_equal(zcert_save(files.pair, files.certificate), 0);
    assert_int_equal(link_keys_load(files.certificate, LINK_CLIENT, &keys, &err), 0);
    assert_int_equal(keys.peers_count, 1);
    assert_string_equal(keys.peers[0], server.keys.public_key);
    link_keys_fini(&keys);
    assert_int_equal(link_keys_load(files.certificate, LINK_SERVER, &keys, &err), 0);
    assert_int_equal(keys.peers_count, 0);
    link_keys_fini(&keys);
    zcert_destroy(&files.pair);
    files.pair = zcert_new();
    zcert_set_meta(files.pair, "server", "%s", "master.example");
    assert_int_equal(zcert_save(files.pair, files.certificate), 0);
    assert_int_equal(link_keys_load(files.certificate, LINK_CLIENT, &keys, &err), -EINVAL);
    assert_non_null(strstr(err.text, "master.example"));
}

static void a_certificate_without_a_server_is_no_use_to_a_client(void **state)
{
    struct fixture *self = *state;
    struct pair client;
    struct err err;

    make_pair(&client);
    assert_int_equal(try_to_connect(self, "127.0.0.1:1", false, &client.keys, &err), -EINVAL);
    assert_non_null(strstr(err.text, "`server`"));
}

static void a_servers_certificate_names_a_list_of_clients(void **state)
{
    CLEANUP(files_remove) struct files files;
    struct link_keys keys;
    struct pair one, two;
    char text[256];
    struct err err;

    (void)state;
    files_make(&files);
    make_pair(&one);
    make_pair(&two);
    snprintf(text, sizeof(text), "# agents\n#\n\n%s\r\n  %s  of host two", one.keys.public_key,
             two.keys.public_key);
    files_list(&files, text);
    zcert_set_meta(files.pair, "clients", "%s", "clients"); /* beside the certificate */
    assert_int_equal(zcert_save(files.pair, files.certificate), 0);
    assert_int_equal(link_keys_load(files.certificate, LINK_SERVER, &keys, &err), 0);
    assert_int_equal(keys.peers_count, 2);
    assert_string_equal(keys.peers[0], one.keys.public_key);
    assert_string_equal(keys.peers[1], two.keys.public_key);
    link_keys_fini(&keys);
}

static void a_list_of_clients_that_is_wrong_lets_nobody_in(void **state)
{
    CLEANUP(files_remove) struct files files;
    struct link_keys keys;
    struct err err;

    (void)state;
    files_make(&files);
    zcert_set_meta(files.pair, "clients", "%s", files.list);
    assert_int_equal(zcert_save(files.pair, files.certificate), 0);
    assert_int_equal(link_keys_load(files.certificate, LINK_SERVER, &keys, &err), -ENOENT);
    assert_non_null(strstr(err.text, files.list));
    files_list(&files, "# nobody yet\n");
    assert_int_equal(link_keys_load(files.certificate, LINK_SERVER, &keys, &err), -EINVAL);
    assert_non_null(strstr(err.text, "empty"));
    files_list(&files, "\nagent-1\n");
    assert_int_equal(link_keys_load(files.certificate, LINK_SERVER, &keys, &err), -EINVAL);
    assert_non_null(strstr(err.text, "line 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_port_in_use_is_said_with_advice),
        FIXTURE_TEST(without_keys_there_is_only_this_host),
        FIXTURE_TEST(addresses_that_are_none_are_refused),
        FIXTURE_TEST(names_and_ipv6_find_the_server),
        FIXTURE_TEST(a_listed_key_is_let_in_and_another_is_not),
        FIXTURE_TEST(any_key_is_let_in_when_none_is_listed),
        FIXTURE_TEST(a_wrong_server_key_is_trouble),
        FIXTURE_TEST(keys_on_one_side_only_are_trouble),
        FIXTURE_TEST(keys_that_are_none_are_refused),
        FIXTURE_TEST(keys_are_read_from_certificates),
        FIXTURE_TEST(a_clients_certificate_names_its_server),
        FIXTURE_TEST(a_certificate_without_a_server_is_no_use_to_a_client),
        FIXTURE_TEST(a_servers_certificate_names_a_list_of_clients),
        FIXTURE_TEST(a_list_of_clients_that_is_wrong_lets_nobody_in),
    };

    return cmocka_run_group_tests_name("link, keys", tests, NULL, NULL);
}
