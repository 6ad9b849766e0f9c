#ifndef MIRROR_BASE_STATUS_MACROS_H_
#define MIRROR_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

/// Evaluates `expression`, an absl::Status, once. Returns it from the enclosing function unless it is OK.
#define RETURN_IF_ERROR(...) MIRROR_RETURN_IF_ERROR(MIRROR_UNIQUE_NAME(__COUNTER__), __VA_ARGS__)

/// Evaluates an absl::StatusOr<T> once. Returns its status from the enclosing function unless it is OK,
/// otherwise moves its value into `declaration`: ASSIGN_OR_RETURN(const Rows rows, connection.Query(sql));
/// The macro makes two statements, so do not use it after an `if` without braces. If the declared type
/// contains a comma, write `auto` instead.
#define ASSIGN_OR_RETURN(declaration, ...) \
  MIRROR_ASSIGN_OR_RETURN(MIRROR_UNIQUE_NAME(__COUNTER__), declaration, __VA_ARGS__)

#define MIRROR_RETURN_IF_ERROR(name, ...)                           \
  do {                                                              \
    if (absl::Status name = (__VA_ARGS__); !name.ok()) return name; \
  } while (false)
#define MIRROR_ASSIGN_OR_RETURN(name, declaration, ...) \
  auto name = (__VA_ARGS__);                            \
  if (!name.ok()) return std::move(name).status();      \
  declaration = *std::move(name)
#define MIRROR_UNIQUE_NAME(number) MIRROR_JOINED(returned_or_, number)
#define MIRROR_JOINED(a, b) MIRROR_JOINED_AS_THEY_ARE(a, b)
#define MIRROR_JOINED_AS_THEY_ARE(a, b) a##b

#endif  // MIRROR_BASE_STATUS_MACROS_H_
