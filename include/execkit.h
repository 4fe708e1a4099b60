/* execkit: shell sessions for agents, as JSON over C strings.
 *
 * Every function may be called from any thread. All text is UTF-8 and NUL-terminated. A char * result belongs to the
 * caller, who frees it with execkit_free and nothing else. Request strings are only read during the call.
 *
 * A reply is an envelope: {"ok":true,"result":...} or {"ok":false,"error":{"code","message","hint",...}}. Clients must
 * ignore fields they do not know.
 *
 * After fork() the child cannot use a library that its parent had used: calls return the error code forked_process
 * and never hang. Loading it first in the child, and exec(), are fine. The library cannot be unloaded.
 */
#ifndef EXECKIT_H
#define EXECKIT_H

#include <stdint.h>

#if defined(__GNUC__)
#define EXECKIT_API __attribute__((visibility("default")))
#else
#define EXECKIT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The release and the ABI version of this header: major << 16 | minor. The library's major must be the same. */
#define EXECKIT_VERSION "0.1.0"
#define EXECKIT_ABI_VERSION 0x10002u

/* Returns the library's ABI version. Pure C: works before the Go runtime is up and after a fork. */
EXECKIT_API uint32_t execkit_abi_version(void);

/* Returns the release, such as "0.1.0"; static, not to be freed. Pure C. */
EXECKIT_API const char *execkit_version(void);

/* Runs one method and blocks until its reply. params is a JSON object; NULL stands for {}. Returns NULL only when out
 * of memory. */
EXECKIT_API char *execkit_call(const char *method, const char *params);

/* Opens a completion queue and returns its handle, or -1. *wake_fd (if not NULL) becomes a descriptor that is readable
 * while completions wait. It belongs to the queue and must not be closed; reading its bytes is harmless. */
EXECKIT_API int64_t execkit_queue_open(int *wake_fd);

/* Starts one method and returns at once: 0, or -1 if the queue or the method is no good or this is a forked child. The
 * reply arrives in the queue under token, which the caller chooses. */
EXECKIT_API int execkit_submit(int64_t queue, uint64_t token, const char *method, const char *params);

/* The same for a thread that has nothing else to do for wait_us microseconds (3,000 at most): returns the reply where it
 * comes within that time, which spares a short command two switches between threads. Otherwise returns NULL; *status is
 * then 0 if the reply will arrive in the queue, and -1 as above. */
EXECKIT_API char *execkit_submit_soon(int64_t queue, uint64_t token, const char *method, const char *params, int wait_us,
                                      int *status);

/* Asks a submitted call to stop; a running command is interrupted and its session stays usable. The reply still
 * arrives, usually with the code cancelled. Returns -1 if no such call is pending. */
EXECKIT_API int execkit_cancel(int64_t queue, uint64_t token);

/* Takes every completion that waits: [{"token":1,"reply":envelope},...], or NULL when there is none. Never blocks. */
EXECKIT_API char *execkit_queue_take(int64_t queue);

/* The same, but waits up to timeout_ms for the first one; a negative time waits for ever. */
EXECKIT_API char *execkit_queue_wait(int64_t queue, int timeout_ms);

/* Cancels what is pending, drops its replies and closes the queue. Closing twice is harmless. */
EXECKIT_API void execkit_queue_close(int64_t queue);

/* Runs the command line as a program of its own would and returns its exit status; it uses the process's standard
 * streams and takes SIGINT and SIGTERM while it runs. 125 when this is a forked child. */
EXECKIT_API int execkit_main(int argc, char **argv);

/* Frees a string of this library; NULL is fine. */
EXECKIT_API void execkit_free(char *s);

#ifdef __cplusplus
}
#endif

#endif
