#ifndef MIRROR_TESTS_BASE_HTTP_LOOKERS_DOOR_H_
#define MIRROR_TESTS_BASE_HTTP_LOOKERS_DOOR_H_

#include <functional>
#include <string>
#include <utility>

#include "base/http/message.h"

namespace mirror {

/// A door for whoever looks: GET and HEAD, and no bodies.
class LookersDoor : public HttpDoor {
 public:
  using Answers = std::function<HttpAnswer(const HttpHead&)>;
  explicit LookersDoor(Answers answers) : answers_(std::move(answers)) {}

  HttpAdmission Admit(const HttpHead& head) override {
    if (head.has_body) return {Refuse(413, "No bodies.")};
    if (head.method != "GET" && head.method != "HEAD") return {Refuse(405, "Only GET and HEAD.")};
    HttpAdmission admission;
    admission.answer = [this](const HttpHead& asked, const std::string& /*body*/) { return answers_(asked); };
    return admission;
  }

 private:
  const Answers answers_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_BASE_HTTP_LOOKERS_DOOR_H_
