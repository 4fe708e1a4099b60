/* Included before every cgo unit: binds the thread functions to their oldest versions, so that the library built on a
 * new glibc also loads on an old one. glibc 2.34 merged libpthread into libc and gave these symbols a new version. */
#if defined(__linux__) && !defined(__ASSEMBLER__)
#if defined(__x86_64__)
#define EXECKIT_OLDEST "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define EXECKIT_OLDEST "GLIBC_2.17"
#endif
#ifdef EXECKIT_OLDEST
#define EXECKIT_BIND(name) __asm__(".symver " #name "," #name "@" EXECKIT_OLDEST)
EXECKIT_BIND(pthread_create);
EXECKIT_BIND(pthread_key_create);
EXECKIT_BIND(pthread_setspecific);
EXECKIT_BIND(pthread_attr_getstack);
EXECKIT_BIND(pthread_attr_getstacksize);
EXECKIT_BIND(pthread_getattr_np);
EXECKIT_BIND(pthread_sigmask);
#endif
#endif
