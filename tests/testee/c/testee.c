/* The conformance testee of the C interface. It looks for the two fields it needs by hand, so that the test depends on
 * nothing but the library: a request is {"method":"…","params":{…}}, written by the runner. */
#include <execkit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  char *line = NULL;
  size_t size = 0;
  ssize_t n;
  while ((n = getline(&line, &size, stdin)) > 0) {
    static const char before[] = "{\"method\":\"", between[] = "\",\"params\":";
    char *method = line + sizeof before - 1, *params, *reply;
    char *end = strchr(method, '"');
    if (strncmp(line, before, sizeof before - 1) != 0 || end == NULL || strncmp(end, between, sizeof between - 1) != 0) return 1;
    *end = '\0';
    params = end + sizeof between - 1;
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) n--;
    line[n - 1] = '\0'; /* the brace that closes the request */
    reply = execkit_call(method, params);
    if (reply == NULL) return 1;
    puts(reply);
    fflush(stdout);
    execkit_free(reply);
  }
  free(line);
  return 0;
}
