#ifndef MIRROR_TESTS_SUPPORT_VARIABLE_H_
#define MIRROR_TESTS_SUPPORT_VARIABLE_H_

#include <cstdlib>

namespace mirror {

/// A variable of the environment that is set while this lives, and was not before.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* const name_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_VARIABLE_H_
