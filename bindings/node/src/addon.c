/* The C interface for JavaScript, one wrapper a function and no logic. lib/native.js is its only user.
 *
 * The library is opened with dlopen and not linked: the loader in JavaScript decides where it is and explains a failure,
 * and this file needs nothing but the N-API, whose ABI holds across releases of Node. Everything lives in the instance
 * data, because each worker thread loads the addon again in the same process. */
#define NAPI_VERSION 8
#include <dlfcn.h>
#include <fcntl.h>
#include <node_api.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "execkit.h"

/* A call to make when this environment ends. */
typedef struct Guard {
  struct Guard *next;
  char *method, *params;
} Guard;

typedef struct {
  /* Types are taken from the header, so that a changed prototype fails the build instead of the call. */
  __typeof__(&execkit_abi_version) abi_version;
  __typeof__(&execkit_queue_open) queue_open;
  __typeof__(&execkit_submit) submit;
  __typeof__(&execkit_submit_soon) submit_soon;
  __typeof__(&execkit_cancel) cancel;
  __typeof__(&execkit_queue_take) take;
  __typeof__(&execkit_queue_close) queue_close;
  __typeof__(&execkit_call) call;
  __typeof__(&execkit_main) main;
  __typeof__(&execkit_free) free_string;
  int64_t queue; /* 0 when there is none */
  Guard *guards;
  int holds_child_handler;
} Instance;

static napi_value undefined(napi_env env) {
  napi_value v = NULL;
  napi_get_undefined(env, &v);
  return v;
}

static napi_value boolean(napi_env env, int truth) {
  napi_value v = NULL;
  napi_get_boolean(env, truth != 0, &v);
  return v;
}

/* libuv installs its signal handlers without SA_ONSTACK. Such a handler would run on the stack of a goroutine when the
 * thread is in Go code, and a goroutine's stack is smaller than the frame that the kernel writes: the heap of the library
 * would be damaged (os/signal, "Go programs that use cgo"). The Go runtime adds the flag when it is loaded; this does it
 * again for what was installed since. A signal to the process goes to the main thread, which installs handlers only
 * between two calls of the library. */
static void handlers_on_signal_stack(void) {
  struct sigaction action;
  for (int number = 1; number < 32; number++) {
    if (sigaction(number, NULL, &action) != 0 || (action.sa_flags & SA_ONSTACK) != 0) continue;
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) continue;
    action.sa_flags |= SA_ONSTACK;
    sigaction(number, &action, NULL);
  }
}

/* SIGCHLD goes to the thread that started the child, so to a thread of Go at any time. libuv installs its handler for it
 * with the first child_process and removes it with the last; while this one listens, it does neither. */
static void on_child(uv_signal_t *handle, int number) {
  (void)handle;
  (void)number;
}

static void child_signal_closed(uv_handle_t *handle) {
  napi_remove_async_cleanup_hook(handle->data);
  free(handle);
}

static void close_child_signal(napi_async_cleanup_hook_handle hook, void *data) {
  uv_signal_t *handle = data;
  handle->data = hook;
  uv_close((uv_handle_t *)handle, child_signal_closed);
}

static int hold_child_handler(napi_env env, Instance *in) {
  uv_loop_t *loop;
  uv_signal_t *handle;
  if (in->holds_child_handler) return 1;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok || (handle = calloc(1, sizeof *handle)) == NULL) return 0;
  if (uv_signal_init(loop, handle) != 0) {
    free(handle);
    return 0;
  }
  uv_unref((uv_handle_t *)handle);
  in->holds_child_handler = 1;
  return napi_add_async_cleanup_hook(env, close_child_signal, handle, NULL) == napi_ok &&
         uv_signal_start(handle, on_child, SIGCHLD) == 0;
}

/* Reads the arguments and the instance; NULL with an exception if there are too few or nothing is loaded. */
static Instance *enter(napi_env env, napi_callback_info info, size_t want, napi_value *argv, int loaded) {
  size_t argc = want;
  Instance *in = NULL;
  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc < want) {
    napi_throw_type_error(env, NULL, "execkit addon: too few arguments");
    return NULL;
  }
  if (napi_get_instance_data(env, (void **)&in) != napi_ok || in == NULL || (loaded && in->free_string == NULL)) {
    napi_throw_error(env, NULL, "execkit addon: the library is not loaded");
    return NULL;
  }
  handlers_on_signal_stack();
  return in;
}

/* Returns a copy that the caller frees; NULL with an exception if the value is no string or memory is out. */
static char *text(napi_env env, napi_value value) {
  size_t length = 0;
  char *s;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) {
    napi_throw_type_error(env, NULL, "execkit addon: a string is expected");
    return NULL;
  }
  s = malloc(length + 1);
  if (s == NULL || napi_get_value_string_utf8(env, value, s, length + 1, &length) != napi_ok) {
    free(s);
    napi_throw_error(env, NULL, "execkit addon: out of memory");
    return NULL;
  }
  return s;
}

static int token_of(napi_env env, napi_value value, uint64_t *token) {
  int64_t n = 0;
  if (napi_get_value_int64(env, value, &n) != napi_ok || n < 0) {
    napi_throw_type_error(env, NULL, "execkit addon: a token is expected");
    return 0;
  }
  *token = (uint64_t)n;
  return 1;
}

static void close_queue(Instance *in) {
  if (in->queue != 0) in->queue_close(in->queue);
  in->queue = 0;
}

/* load(path): throws what the dynamic linker says. */
static napi_value load(napi_env env, napi_callback_info info) {
  static const char *const names[] = {"execkit_abi_version", "execkit_queue_open", "execkit_submit", "execkit_submit_soon",
                                      "execkit_cancel", "execkit_queue_take", "execkit_queue_close", "execkit_call",
                                      "execkit_free", "execkit_main"};
  void *symbols[sizeof names / sizeof *names], *handle;
  napi_value argv[1];
  Instance *in = enter(env, info, 1, argv, 0);
  char *path = in == NULL ? NULL : text(env, argv[0]);
  if (path == NULL) return NULL;
  if (!hold_child_handler(env, in)) {
    free(path);
    napi_throw_error(env, NULL, "execkit addon: the signal of ended children cannot be watched");
    return NULL;
  }
  handlers_on_signal_stack();
  /* Never closed again: a Go runtime cannot be unloaded. */
  handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  free(path);
  if (handle == NULL) {
    napi_throw_error(env, NULL, dlerror());
    return NULL;
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    symbols[i] = dlsym(handle, names[i]);
    if (symbols[i] == NULL) {
      napi_throw_error(env, NULL, dlerror());
      return NULL;
    }
  }
  in->abi_version = (__typeof__(in->abi_version))symbols[0];
  in->queue_open = (__typeof__(in->queue_open))symbols[1];
  in->submit = (__typeof__(in->submit))symbols[2];
  in->submit_soon = (__typeof__(in->submit_soon))symbols[3];
  in->cancel = (__typeof__(in->cancel))symbols[4];
  in->take = (__typeof__(in->take))symbols[5];
  in->queue_close = (__typeof__(in->queue_close))symbols[6];
  in->call = (__typeof__(in->call))symbols[7];
  in->free_string = (__typeof__(in->free_string))symbols[8];
  in->main = (__typeof__(in->main))symbols[9];
  return undefined(env);
}

static napi_value abi_version(napi_env env, napi_callback_info info) {
  napi_value result = NULL;
  Instance *in = enter(env, info, 0, NULL, 1);
  if (in != NULL) napi_create_uint32(env, in->abi_version(), &result);
  return result;
}

/* open(): opens the queue of this environment and returns a descriptor that is readable while replies wait. It is a
 * duplicate: the socket in JavaScript closes what it reads from, and the original belongs to the queue. */
static napi_value open_queue(napi_env env, napi_callback_info info) {
  int wake = -1, fd;
  napi_value result = NULL;
  Instance *in = enter(env, info, 0, NULL, 1);
  if (in == NULL) return NULL;
  if (in->queue != 0) {
    napi_throw_error(env, NULL, "execkit addon: the queue is open");
    return NULL;
  }
  int64_t queue = in->queue_open(&wake);
  if (queue < 0) {
    napi_throw_error(env, NULL, "execkit addon: a completion queue could not be opened; is the limit of open files reached?");
    return NULL;
  }
  in->queue = queue;
  fd = fcntl(wake, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) {
    close_queue(in);
    napi_throw_error(env, NULL, "execkit addon: the wake descriptor could not be duplicated; is the limit of open files reached?");
    return NULL;
  }
  napi_create_int32(env, fd, &result);
  return result;
}

/* Returns a string of the library and frees it; an exception if Node has no room for it. */
static napi_value taken(napi_env env, Instance *in, char *s) {
  napi_value result = NULL;
  if (napi_create_string_utf8(env, s, NAPI_AUTO_LENGTH, &result) != napi_ok)
    napi_throw_error(env, NULL, "execkit addon: the replies do not fit into one string of Node");
  in->free_string(s);
  return result;
}

/* submit(token, method, params, waitMicroseconds): whether the call was accepted, or its reply where it came in that time. */
static napi_value submit(napi_env env, napi_callback_info info) {
  uint64_t token;
  int32_t wait_us = 0;
  int status = -1;
  char *method, *params, *reply = NULL;
  napi_value argv[4], result = NULL;
  Instance *in = enter(env, info, 4, argv, 1);
  if (in == NULL || !token_of(env, argv[0], &token)) return NULL;
  napi_get_value_int32(env, argv[3], &wait_us);
  method = text(env, argv[1]);
  params = method == NULL ? NULL : text(env, argv[2]);
  if (params != NULL) {
    if (wait_us > 0)
      reply = in->submit_soon(in->queue, token, method, params, wait_us, &status);
    else
      status = in->submit(in->queue, token, method, params);
    result = reply != NULL ? taken(env, in, reply) : boolean(env, status == 0);
  }
  free(method);
  free(params);
  return result;
}

/* cancel(token): whether the call was still pending. */
static napi_value cancel(napi_env env, napi_callback_info info) {
  uint64_t token;
  napi_value argv[1];
  Instance *in = enter(env, info, 1, argv, 1);
  if (in == NULL || !token_of(env, argv[0], &token)) return NULL;
  return boolean(env, in->cancel(in->queue, token) == 0);
}

/* take(): the replies that wait as JSON, or undefined. */
static napi_value take(napi_env env, napi_callback_info info) {
  Instance *in = enter(env, info, 0, NULL, 1);
  char *batch = in == NULL ? NULL : in->take(in->queue);
  if (in == NULL) return NULL;
  return batch == NULL ? undefined(env) : taken(env, in, batch);
}

static napi_value close_(napi_env env, napi_callback_info info) {
  Instance *in = enter(env, info, 0, NULL, 1);
  if (in == NULL) return NULL;
  close_queue(in);
  return undefined(env);
}

static void drop(Guard *g) {
  free(g->method);
  free(g->params);
  free(g);
}

/* guard(method, params): makes this call when the environment ends, unless unguard takes it back. */
static napi_value guard(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  Instance *in = enter(env, info, 2, argv, 1);
  Guard *g = in == NULL ? NULL : calloc(1, sizeof *g);
  if (in == NULL) return NULL;
  if (g == NULL) {
    napi_throw_error(env, NULL, "execkit addon: out of memory");
    return NULL;
  }
  if ((g->method = text(env, argv[0])) == NULL || (g->params = text(env, argv[1])) == NULL) {
    drop(g);
    return NULL;
  }
  g->next = in->guards;
  in->guards = g;
  return undefined(env);
}

static napi_value unguard(napi_env env, napi_callback_info info) {
  char *method, *params;
  napi_value argv[2], result = NULL;
  Instance *in = enter(env, info, 2, argv, 1);
  if (in == NULL) return NULL;
  method = text(env, argv[0]);
  params = method == NULL ? NULL : text(env, argv[1]);
  if (params != NULL) {
    result = undefined(env);
    for (Guard **at = &in->guards; *at != NULL; at = &(*at)->next) {
      Guard *g = *at;
      if (strcmp(g->method, method) != 0 || strcmp(g->params, params) != 0) continue;
      *at = g->next;
      drop(g);
      break;
    }
  }
  free(method);
  free(params);
  return result;
}

/* A worker may be terminated while its calls are pending; nobody else would take their replies or make its last calls.
 * The queue goes last: closing it cancels commands, and a session that is busy with that ends later than this process. */
static void clean_up(void *data) {
  Instance *in = data;
  handlers_on_signal_stack();
  while (in->guards != NULL) {
    Guard *g = in->guards;
    in->guards = g->next;
    in->free_string(in->call(g->method, g->params));
    drop(g);
  }
  close_queue(in);
}

/* finish(): the same, early. process.exit in the main thread runs no cleanup hooks. */
static napi_value finish(napi_env env, napi_callback_info info) {
  Instance *in = enter(env, info, 0, NULL, 1);
  if (in == NULL) return NULL;
  clean_up(in);
  return undefined(env);
}

/* main(args): runs the command line on this thread and returns its exit status. The arguments do not hold the name of a
 * program. */
static napi_value main_(napi_env env, napi_callback_info info) {
  uint32_t count = 0, made = 0;
  char **list;
  napi_value argv[1], result = NULL;
  Instance *in = enter(env, info, 1, argv, 1);
  if (in == NULL) return NULL;
  if (napi_get_array_length(env, argv[0], &count) != napi_ok) {
    napi_throw_type_error(env, NULL, "execkit addon: an array is expected");
    return NULL;
  }
  list = calloc((size_t)count + 2, sizeof *list);
  if (list == NULL) {
    napi_throw_error(env, NULL, "execkit addon: out of memory");
    return NULL;
  }
  list[0] = "execkit";
  for (; made < count; made++) {
    napi_value item;
    if (napi_get_element(env, argv[0], made, &item) != napi_ok || (list[made + 1] = text(env, item)) == NULL) break;
  }
  if (made == count) napi_create_int32(env, in->main((int)count + 1, list), &result);
  while (made > 0) free(list[made--]);
  free(list);
  return result;
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback function;
  } table[] = {{"load", load},     {"abiVersion", abi_version}, {"open", open_queue}, {"submit", submit},
               {"cancel", cancel}, {"take", take},              {"close", close_},    {"guard", guard},
               {"unguard", unguard}, {"finish", finish},
               {"main", main_}};
  Instance *in = calloc(1, sizeof *in);
  if (in == NULL || napi_set_instance_data(env, in, finalize, NULL) != napi_ok) {
    free(in);
    napi_throw_error(env, NULL, "execkit addon: out of memory");
    return NULL;
  }
  napi_add_env_cleanup_hook(env, clean_up, in);
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    napi_value f;
    if (napi_create_function(env, table[i].name, NAPI_AUTO_LENGTH, table[i].function, NULL, &f) != napi_ok ||
        napi_set_named_property(env, exports, table[i].name, f) != napi_ok)
      return NULL;
  }
  return exports;
}
