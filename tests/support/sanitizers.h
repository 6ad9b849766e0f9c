#ifndef MIRROR_TESTS_SUPPORT_SANITIZERS_H_
#define MIRROR_TESTS_SUPPORT_SANITIZERS_H_

// Which sanitizer this is built with, 1 or 0, whichever the compiler: what it takes of memory, of descriptors
// and of time is not the product's. GCC says it by a macro, clang by a feature.

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MIRROR_ADDRESS_SANITIZER 1
#endif
#if __has_feature(thread_sanitizer)
#define MIRROR_THREAD_SANITIZER 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#define MIRROR_ADDRESS_SANITIZER 1
#endif
#ifdef __SANITIZE_THREAD__
#define MIRROR_THREAD_SANITIZER 1
#endif

#ifndef MIRROR_ADDRESS_SANITIZER
#define MIRROR_ADDRESS_SANITIZER 0
#endif
#ifndef MIRROR_THREAD_SANITIZER
#define MIRROR_THREAD_SANITIZER 0
#endif

#endif  // MIRROR_TESTS_SUPPORT_SANITIZERS_H_
