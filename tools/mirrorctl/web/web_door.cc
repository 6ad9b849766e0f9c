#include "tools/mirrorctl/web/web_door.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/embedded_file.h"

MIRROR_EMBEDDED(pages);

namespace mirror {
namespace {

constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri "
    "'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types "
    "'none'";

/// What every answer says, a refusal, too.
HttpAnswer Guarded(HttpAnswer answer) {
  answer.fields.insert(answer.fields.end(), {{"Content-Security-Policy", kPolicy},
                                             {"X-Content-Type-Options", "nosniff"},
                                             {"X-Frame-Options", "DENY"},
                                             {"Referrer-Policy", "no-referrer"},
                                             {"Cross-Origin-Opener-Policy", "same-origin"},
                                             {"Cross-Origin-Resource-Policy", "same-origin"},
                                             {"Cache-Control", "no-store"}});
  return answer;
}

const char* TypeOf(std::string_view name) {
  static const std::map<std::string_view, const char*> kTypes = {{"html", "text/html; charset=utf-8"},
                                                                 {"css", "text/css; charset=utf-8"},
                                                                 {"js", "text/javascript; charset=utf-8"},
                                                                 {"svg", "image/svg+xml"}};
  const auto found = kTypes.find(name.substr(name.rfind('.') + 1));
  return found == kTypes.end() ? "application/octet-stream" : found->second;
}

bool IsOf(const HttpTarget& target, std::string_view first) {
  return !target.segments.empty() && target.segments.front() == first;
}

bool IsEntry(const HttpTarget& target) {
  return target.segments.size() == 2 && IsOf(target, "api") && target.segments[1] == "session";
}

}  // namespace

void WebDoor::SetPort(std::uint16_t port) {
  const MutexLock lock(mutex_);
  host_ = absl::StrCat("127.0.0.1:", port);
}

HttpAnswer WebDoor::Refuse(int status, std::string_view words) const {
  return Guarded(HttpDoor::Refuse(status, words));
}

HttpAnswer WebDoor::RefuseCall(const absl::Status& status) const { return Guarded(JsonError(status)); }

std::optional<HttpAnswer> WebDoor::WhyRefused(const HttpHead& head, const HttpTarget& target) const {
  const std::string* const host = head.Find(HttpFieldName::kHost);
  const std::string* const origin = head.Find(HttpFieldName::kOrigin);
  {
    const MutexLock lock(mutex_);
    if (host == nullptr || *host != host_ || host_.empty())
      return Refuse(403, "This is served for the address that 'mirrorctl web' printed alone.");
    if (origin != nullptr && *origin != absl::StrCat("http://", host_))
      return Refuse(403, "A page of another origin may ask nothing here.");
  }
  const bool posts = head.method == "POST", looks = head.method == "GET" || head.method == "HEAD";
  if (!posts && !looks) return Refuse(405, "This port accepts only GET, HEAD and POST.");
  if (head.has_body && !posts) return Refuse(413, "Only a POST has a body here.");
  if (!IsOf(target, "api")) {
    if (posts) return Refuse(405, "A page is only looked at.");
    return std::nullopt;
  }
  // Browsers say where a POST comes from; who does not is none, or an attack by a form.
  if (posts && origin == nullptr) return Refuse(403, "A POST says its Origin.");
  if (IsEntry(target) && posts) return std::nullopt;
  if (entry_.Admits(head.Find(HttpFieldName::kAuthorization))) return std::nullopt;
  return RefuseCall(
      absl::UnauthenticatedError("this page was not opened by the address that 'mirrorctl web' printed, or "
                                 "that program was started anew. "
                                 "Open the address that it printed last."));
}

HttpAdmission WebDoor::Admit(const HttpHead& head) {
  absl::StatusOr<HttpTarget> target = ParseHttpTarget(head.path, head.query);
  if (!target.ok()) return {Refuse(400, std::string(target.status().message()))};
  HttpAdmission admission;
  admission.refusal = WhyRefused(head, *target);
  admission.body_bytes_max = kPostedBytesMax;
  admission.answer = [this, target = *std::move(target)](const HttpHead& asked, const std::string& body) {
    return Answer(asked, target, body);
  };
  return admission;
}

HttpAnswer WebDoor::Answer(const HttpHead& head, const HttpTarget& target, const std::string& body) {
  if (!IsOf(target, "api")) return Guarded(Page(target));
  if (IsEntry(target) && head.method == "POST") return Guarded(Enter(body));
  return Guarded(api_.Answer(head.method, target, body));
}

HttpAnswer WebDoor::Enter(const std::string& body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  const bool has = json.is_object() && json.contains("secret") && json["secret"].is_string();
  const absl::StatusOr<std::string> bearer =
      entry_.Exchange(has ? json["secret"].get_ref<const std::string&>() : std::string());
  if (!bearer.ok()) return JsonError(bearer.status());
  return {200, "application/json; charset=utf-8", JsonLine({{"bearer", *bearer}})};
}

/// A file by its name; every other address is a page, which its script draws.
HttpAnswer WebDoor::Page(const HttpTarget& target) const {
  const bool is_file = target.segments.size() == 1 && target.segments.front().find('.') != std::string::npos;
  const std::string name = is_file ? target.segments.front() : "index.html";
  const EmbeddedFile* const file = FindEmbedded(mirror_embedded_pages, name);
  if (file == nullptr) return Refuse(404, "There is no such file.");
  return {200, TypeOf(name), std::string(file->bytes())};
}

}  // namespace mirror
