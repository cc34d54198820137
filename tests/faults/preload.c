/*
 * Loaded into a server ahead of the C library (LD_PRELOAD), to make happen
 * what is rare: memory that is refused, reads and writes that carry a few
 * bytes only, a close(2) that reports an error although it has closed.
 * strace(1) makes whole calls fail; these it can't.
 *
 *   FAULT_MALLOC=N,K     the allocations from the Nth on fail, K of them, those
 *                        of child processes counted too
 *   FAULT_ARMED=1        they are counted only from when the report's last number
 *                        is not 0: whoever watches sets it
 *   FAULT_SHORT=K        a socket is read and written at most K bytes at once
 *   FAULT_CLOSE=E        close closes, and then returns error number E
 *   FAULT_REPORT=FILE    counts, as the struct Family below, are kept there
 *
 * Without any of them the server behaves as it always does.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static void *(*real_malloc)(size_t size);
static void *(*real_calloc)(size_t count, size_t size);
static void *(*real_realloc)(void *old, size_t size);
static void (*real_free)(void *old);
static ssize_t (*real_read)(int fd, void *data, size_t size);
static ssize_t (*real_readv)(int fd, const struct iovec *parts, int count);
static ssize_t (*real_recv)(int fd, void *data, size_t size, int flags);
static ssize_t (*real_write)(int fd, const void *data, size_t size);
static ssize_t (*real_writev)(int fd, const struct iovec *parts, int count);
static ssize_t (*real_send)(int fd, const void *data, size_t size, int flags);
static int (*real_close)(int fd);

/*
 * Of a server and its child processes together. The file is mapped: a report
 * that is written could be hit by a failing write(2), which is not meant for
 * it.
 */
typedef struct Family {
    atomic_ulong made; /* allocations */
    atomic_ulong failed;
    atomic_long kept; /* not freed at exit, by the process with most of them */
    atomic_ulong armed; /* see FAULT_ARMED */
} Family;

static Family *family;
static atomic_long alive; /* allocations of this process */
static bool ready; /* what comes sooner is the loader's, and never fails */
static unsigned long fail_from;
static unsigned long fail_count;
static bool armed_only;
static atomic_ulong since; /* allocations, since armed */
static size_t shortest; /* the limit of a read or write; 0: none */
static int close_error;
static atomic_uint dice = 1;

/* ISO C knows no way from an object's address to a function's. */
static void find(const char *name, void *function)
{
    void *symbol = dlsym(RTLD_NEXT, name);

    memcpy(function, &symbol, sizeof(symbol));
}

static void find_all(void)
{
    find("malloc", &real_malloc);
    find("calloc", &real_calloc);
    find("realloc", &real_realloc);
    find("free", &real_free);
    find("read", &real_read);
    find("readv", &real_readv);
    find("recv", &real_recv);
    find("write", &real_write);
    find("writev", &real_writev);
    find("send", &real_send);
    find("close", &real_close);
}

static unsigned long number(const char **text)
{
    char *end;
    unsigned long value = strtoul(*text, &end, 10);

    *text = *end == ',' ? end + 1 : end;
    return value;
}

static unsigned long setting(const char *name)
{
    const char *text = getenv(name);

    return text ? number(&text) : 0;
}

static Family *map_family(const char *path)
{
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    int kind = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;

    if (fd >= 0 && ftruncate(fd, sizeof(Family)) < 0)
        abort();
    Family *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, kind, fd, 0);
    if (shared == MAP_FAILED)
        abort();
    if (fd >= 0)
        real_close(fd);
    return shared;
}

__attribute__((constructor)) static void begin(void)
{
    const char *memory = getenv("FAULT_MALLOC");

    find_all();
    family = map_family(getenv("FAULT_REPORT"));
    if (memory) {
        fail_from = number(&memory);
        fail_count = number(&memory);
    }
    armed_only = setting("FAULT_ARMED") != 0;
    shortest = setting("FAULT_SHORT");
    close_error = (int)setting("FAULT_CLOSE");
    ready = true;
}

__attribute__((destructor)) static void report(void)
{
    long own = atomic_load(&alive);
    long most = atomic_load(&family->kept);

    while (own > most &&
           !atomic_compare_exchange_weak(&family->kept, &most, own))
        ;
}

/* -- memory ----------------------------------------------------------- */

/* Counts an allocation. Returns whether it is one of those that fail. */
static bool refused(void)
{
    if (!ready)
        return false;
    unsigned long at = atomic_fetch_add(&family->made, 1) + 1;
    if (armed_only)
        at = atomic_load(&family->armed) ? atomic_fetch_add(&since, 1) + 1 : 0;
    if (fail_from == 0 || at < fail_from || at - fail_from >= fail_count)
        return false;
    atomic_fetch_add(&family->failed, 1);
    errno = ENOMEM;
    return true;
}

static void *given(void *data)
{
    if (data != NULL && ready)
        atomic_fetch_add(&alive, 1);
    return data;
}

void *malloc(size_t size)
{
    if (real_malloc == NULL)
        find_all();
    return refused() ? NULL : given(real_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    if (real_calloc == NULL)
        find_all();
    return refused() ? NULL : given(real_calloc(count, size));
}

void *realloc(void *old, size_t size)
{
    if (refused())
        return NULL;
    void *data = real_realloc(old, size);
    return old == NULL ? given(data) : data;
}

void free(void *old)
{
    if (old != NULL && ready)
        atomic_fetch_sub(&alive, 1);
    real_free(old);
}

/* -- reading, writing, closing ---------------------------------------- */

static bool is_socket(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* As many of the bytes as this time may be moved; the same in every run. */
static size_t some(int fd, size_t size)
{
    if (shortest == 0 || size < 2 || !is_socket(fd))
        return size;
    unsigned throw = atomic_fetch_add(&dice, 1) * 2654435761u >> 8;
    size_t limit = 1 + throw % shortest;
    return size < limit ? size : limit;
}

ssize_t read(int fd, void *data, size_t size)
{
    return real_read(fd, data, some(fd, size));
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
    return real_recv(fd, data, some(fd, size), flags);
}

ssize_t write(int fd, const void *data, size_t size)
{
    return real_write(fd, data, some(fd, size));
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    return real_send(fd, data, some(fd, size), flags);
}

/* Of several parts, some of the first that is not empty. */
static struct iovec part(int fd, const struct iovec *parts, int count)
{
    int i = 0;

    while (i + 1 < count && parts[i].iov_len == 0)
        i++;
    return (struct iovec){parts[i].iov_base, some(fd, parts[i].iov_len)};
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
    if (shortest == 0 || count < 1 || !is_socket(fd))
        return real_readv(fd, parts, count);
    struct iovec one = part(fd, parts, count);
    return real_readv(fd, &one, 1);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (shortest == 0 || count < 1 || !is_socket(fd))
        return real_writev(fd, parts, count);
    struct iovec one = part(fd, parts, count);
    return real_writev(fd, &one, 1);
}

int close(int fd)
{
    int result = real_close(fd);

    if (result < 0 || close_error == 0)
        return result;
    errno = close_error;
    return -1;
}
