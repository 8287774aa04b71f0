// Preloaded into a process: counts the file operations below one folder and fails, shortens or kills the n-th.
//
//   faults_arm(folder, n, kind)   from now on; n from 1, 0 = only count. folder: absolute, may not exist yet
//   faults_seen()                 the operations since: a letter each, w for a write that can be shortened, - for any other
//
// kind: an errno (ENOSPC, EIO, EACCES), or SHORTEN (half of a write), or KILL (SIGKILL before the operation).
// Operations: open for writing, write, pwrite, writev, fsync, fdatasync, ftruncate, rename, unlink, rmdir, mkdir, link.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

constexpr int SHORTEN = -1, KILL = -2;
char root[PATH_MAX] = "";
size_t root_length = 0;
long wanted = 0, count = 0;
int fault = 0;
char seen[1 << 16] = "";

bool below(const char* path) {
    return root_length && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

bool named(int folder, const char* path) {
    char whole[2 * PATH_MAX];
    if (!root_length || !path) return false;
    if (path[0] == '/') return below(path);
    char link[64], base[PATH_MAX];
    snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, base, sizeof base - 1);
    if (length < 0) return false;
    base[length] = 0;
    snprintf(whole, sizeof whole, "%s/%s", base, path);
    return below(whole);
}

bool opened(int file) {
    char link[64], path[PATH_MAX];
    if (!root_length) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return false;
    path[length] = 0;
    return below(path);
}

// Whether this operation fails, with errno set; a write that can be shortened passes `shorten`, which is then set.
bool fails(bool counted, bool* shorten = nullptr) {
    if (!counted) return false;
    if (count + 1 < long(sizeof seen)) seen[count] = shorten ? 'w' : '-', seen[count + 1] = 0;
    if (++count != wanted) return false;
    if (fault == KILL) kill(getpid(), SIGKILL);
    if (fault == SHORTEN) {
        if (shorten) *shorten = true;
        return false;
    }
    errno = fault;
    return true;
}


bool writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT); }

}  // namespace

#define MODE(last) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | __O_TMPFILE)) { va_list rest; va_start(rest, last); mode = va_arg(rest, mode_t); va_end(rest); }

extern "C" {

void faults_arm(const char* folder, long n, int kind) {
    snprintf(root, sizeof root, "%s", folder);
    root_length = strlen(root), wanted = n, fault = kind, count = 0, seen[0] = 0;
}

const char* faults_seen() { return seen; }

#define OPEN(name) \
    int name(const char* path, int flags, ...) { \
        MODE(flags) \
        static auto next = reinterpret_cast<int (*)(const char*, int, ...)>(dlsym(RTLD_NEXT, #name)); \
        return writes(flags) && fails(named(AT_FDCWD, path)) ? -1 : next(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
#define OPENAT(name) \
    int name(int folder, const char* path, int flags, ...) { \
        MODE(flags) \
        static auto next = reinterpret_cast<int (*)(int, const char*, int, ...)>(dlsym(RTLD_NEXT, #name)); \
        return writes(flags) && fails(named(folder, path)) ? -1 : next(folder, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int file, const void* data, size_t size) {
    static auto next = reinterpret_cast<ssize_t (*)(int, const void*, size_t)>(dlsym(RTLD_NEXT, "write"));
    bool half = false;
    if (fails(opened(file), size > 1 ? &half : nullptr)) return -1;
    return next(file, data, half ? size / 2 : size);
}
#define PWRITE(name, offset_type) \
    ssize_t name(int file, const void* data, size_t size, offset_type at) { \
        static auto next = reinterpret_cast<ssize_t (*)(int, const void*, size_t, offset_type)>(dlsym(RTLD_NEXT, #name)); \
        bool half = false; \
        if (fails(opened(file), size > 1 ? &half : nullptr)) return -1; \
        return next(file, data, half ? size / 2 : size, at); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
ssize_t writev(int file, const struct iovec* parts, int parts_count) {
    static auto next = reinterpret_cast<ssize_t (*)(int, const struct iovec*, int)>(dlsym(RTLD_NEXT, "writev"));
    bool half = false;
    if (fails(opened(file), parts_count > 1 ? &half : nullptr)) return -1;
    return next(file, parts, half ? parts_count / 2 : parts_count);
}

#define ON_FILE(name) \
    int name(int file) { \
        static auto next = reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, #name)); \
        return fails(opened(file)) ? -1 : next(file); \
    }
ON_FILE(fsync)
ON_FILE(fdatasync)
#define TRUNCATE(name, offset_type) \
    int name(int file, offset_type size) { \
        static auto next = reinterpret_cast<int (*)(int, offset_type)>(dlsym(RTLD_NEXT, #name)); \
        return fails(opened(file)) ? -1 : next(file, size); \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define ON_PATH(name) \
    int name(const char* path) { \
        static auto next = reinterpret_cast<int (*)(const char*)>(dlsym(RTLD_NEXT, #name)); \
        return fails(named(AT_FDCWD, path)) ? -1 : next(path); \
    }
ON_PATH(unlink)
ON_PATH(rmdir)
int unlinkat(int folder, const char* path, int flags) {
    static auto next = reinterpret_cast<int (*)(int, const char*, int)>(dlsym(RTLD_NEXT, "unlinkat"));
    return fails(named(folder, path)) ? -1 : next(folder, path, flags);
}
int mkdir(const char* path, mode_t mode) {
    static auto next = reinterpret_cast<int (*)(const char*, mode_t)>(dlsym(RTLD_NEXT, "mkdir"));
    return fails(named(AT_FDCWD, path)) ? -1 : next(path, mode);
}
int mkdirat(int folder, const char* path, mode_t mode) {
    static auto next = reinterpret_cast<int (*)(int, const char*, mode_t)>(dlsym(RTLD_NEXT, "mkdirat"));
    return fails(named(folder, path)) ? -1 : next(folder, path, mode);
}
#define TWO_PATHS(name) \
    int name(const char* from, const char* to) { \
        static auto next = reinterpret_cast<int (*)(const char*, const char*)>(dlsym(RTLD_NEXT, #name)); \
        return fails(named(AT_FDCWD, to) || named(AT_FDCWD, from)) ? -1 : next(from, to); \
    }
TWO_PATHS(rename)
TWO_PATHS(link)
int renameat(int a, const char* from, int b, const char* to) {
    static auto next = reinterpret_cast<int (*)(int, const char*, int, const char*)>(dlsym(RTLD_NEXT, "renameat"));
    return fails(named(a, from) || named(b, to)) ? -1 : next(a, from, b, to);
}

}  // extern "C"
