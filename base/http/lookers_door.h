#ifndef MIRROR_BASE_HTTP_LOOKERS_DOOR_H_
#define MIRROR_BASE_HTTP_LOOKERS_DOOR_H_

#include <string>
#include <utility>

#include "base/http/message.h"

namespace mirror {

/// A door for read-only clients: GET and HEAD. Refuses a request with a body with 413, another method
/// with 405.
class ReadOnlyDoor : public HttpDoor {
 public:
  HttpAdmission Admit(const HttpHead& head) override {
    if (head.has_body) return {Refuse(413, "This port accepts no request bodies.")};
    if (head.method != "GET" && head.method != "HEAD") {
      HttpAnswer refusal = Refuse(405, "This port accepts only GET and HEAD.");
      refusal.fields = {{"Allow", "GET, HEAD"}};
      return {std::move(refusal)};
    }
    HttpAdmission admission;
    admission.answer = [this](const HttpHead& asked, const std::string& /*body*/) { return Answer(asked); };
    return admission;
  }

 private:
  /// Makes the answer. Called by threads of the listener's pool, several at a time.
  virtual HttpAnswer Answer(const HttpHead& head) = 0;
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_LOOKERS_DOOR_H_
