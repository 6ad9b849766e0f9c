#ifndef MIRROR_TOOLS_MIRRORCTL_WEB_WEB_DOOR_H_
#define MIRROR_TOOLS_MIRRORCTL_WEB_WEB_DOOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/http/message.h"
#include "base/http/target.h"
#include "base/mutex.h"
#include "tools/mirrorctl/web/entry.h"
#include "tools/mirrorctl/web/web_api.h"

namespace mirror {

/// Bytes of what a page may post.
inline constexpr std::uint64_t kPostedBytesMax = 64 << 10;

/// The operator's pages for browsers of this machine. The pages themselves hold nothing and are given to
/// anybody; what is below /api/ needs the bearer. A request for another Host, or from a page of another
/// Origin, is refused with 403, compared exactly: so a name that was made to point at this machine reaches
/// nothing, and no other page posts. No answer sets a cookie: cookies ignore ports. Threads: any.
class WebDoor : public HttpDoor {
 public:
  /// `entry` and `api` outlive it.
  WebDoor(WebEntry& entry, WebApi& api) : entry_(entry), api_(api) {}

  /// Of the listener, once it has one; until then every request is refused.
  void SetPort(std::uint16_t port) MIRROR_EXCLUDES(mutex_);

  HttpAdmission Admit(const HttpHead& head) override;
  HttpAnswer Refuse(int status, std::string_view words) const override;

 private:
  /// Why it is refused; absent: it is not.
  std::optional<HttpAnswer> WhyRefused(const HttpHead& head, const HttpTarget& target) const
      MIRROR_EXCLUDES(mutex_);
  HttpAnswer Answer(const HttpHead& head, const HttpTarget& target, const std::string& body);
  HttpAnswer Enter(const std::string& body);
  HttpAnswer Page(const HttpTarget& target) const;
  /// An error of the API, which the pages show.
  HttpAnswer RefuseCall(const absl::Status& status) const;

  WebEntry& entry_;
  WebApi& api_;
  mutable Mutex mutex_;
  std::string host_ MIRROR_GUARDED_BY(mutex_);  ///< "127.0.0.1:4711"
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_WEB_WEB_DOOR_H_
