#ifndef MIRROR_TESTS_BASE_HTTP_FUNCTION_DOOR_H_
#define MIRROR_TESTS_BASE_HTTP_FUNCTION_DOOR_H_

#include <functional>
#include <utility>

#include "base/http/lookers_door.h"

namespace mirror {

/// Answers as a function does.
class FunctionDoor : public ReadOnlyDoor {
 public:
  using Answers = std::function<HttpAnswer(const HttpHead&)>;
  explicit FunctionDoor(Answers answers) : answers_(std::move(answers)) {}

 private:
  HttpAnswer Answer(const HttpHead& head) override { return answers_(head); }

  const Answers answers_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_BASE_HTTP_FUNCTION_DOOR_H_
