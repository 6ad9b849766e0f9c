#include "tools/mirrorctl/web/web_command.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/embedded_file.h"
#include "base/http/listener.h"
#include "base/http/message.h"
#include "base/interruption.h"
#include "base/mutex.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "certs/issue.h"
#include "certs/key.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/control_config.h"
#include "tools/mirrorctl/web/live_feed.h"
#include "tools/mirrorctl/web/web_api.h"

MIRROR_EMBEDDED(pages);

namespace mirror {
namespace {

constexpr std::string_view kScheme = "Bearer ";

/// Greatest size of the body of a POST.
inline constexpr std::uint64_t kPostedBytesMax = 64 << 10;

/// Serves the operator's pages to browsers of this machine. The pages themselves have no data and need no
/// authentication; calls below /api/ need the bearer token. A request with another Host, or from a page of
/// another Origin, gets 403 (both are compared exactly). Therefore a foreign name that resolves to this
/// machine has no access, and other pages cannot post. Cookies are not used, because browsers send them to
/// all ports of a host. Threads: any.
class WebDoor : public HttpDoor {
 public:
  /// `entry` and `api` must outlive this object.
  WebDoor(WebEntry& entry, WebApi& api) : entry_(entry), api_(api) {}

  /// Sets the listener's port; until then every request is refused.
  void SetPort(std::uint16_t port) MIRROR_EXCLUDES(mutex_);

  HttpAdmission Admit(const HttpHead& head) override;
  HttpAnswer Refuse(int status, std::string_view words) const override;

 private:
  /// Returns the refusal of a request; absent: it is allowed.
  std::optional<HttpAnswer> WhyRefused(const HttpHead& head, const HttpTarget& target) const
      MIRROR_EXCLUDES(mutex_);
  HttpAnswer Answer(const HttpHead& head, const HttpTarget& target, const std::string& body);
  HttpAnswer Enter(const std::string& body);
  HttpAnswer Page(const HttpTarget& target) const;
  /// Returns the answer for an error of the API, which the pages show.
  HttpAnswer RefuseCall(const absl::Status& status) const;

  WebEntry& entry_;
  WebApi& api_;
  mutable Mutex mutex_;
  std::string host_ MIRROR_GUARDED_BY(mutex_);  ///< Such as "127.0.0.1:4711".
};

constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri "
    "'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types "
    "'none'";

/// Adds the fields that every answer has, also a refusal.
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
      return Refuse(403, "This is served only at the address that 'mirrorctl web' printed.");
    if (origin != nullptr && *origin != absl::StrCat("http://", host_))
      return Refuse(403, "A page of another origin may not call this program.");
  }
  const bool posts = head.method == "POST", looks = head.method == "GET" || head.method == "HEAD";
  if (!posts && !looks) return Refuse(405, "This port accepts only GET, HEAD and POST.");
  if (head.has_body && !posts) return Refuse(413, "Only a POST may have a body.");
  if (!IsOf(target, "api")) {
    if (posts) return Refuse(405, "A page accepts only GET and HEAD.");
    return std::nullopt;
  }
  // Browsers send Origin with each POST. A request without it is not from one of our pages.
  if (posts && origin == nullptr) return Refuse(403, "A POST needs the field Origin.");
  if (IsEntry(target) && posts) return std::nullopt;
  if (entry_.Admits(head.Find(HttpFieldName::kAuthorization))) return std::nullopt;
  return RefuseCall(
      absl::UnauthenticatedError("this page was not opened with the address that 'mirrorctl web' printed, or "
                                 "that program was started again. Open the address that it printed last."));
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

/// Returns a file by its name. Every other path is a page, which the script of index.html draws.
HttpAnswer WebDoor::Page(const HttpTarget& target) const {
  const bool is_file = target.segments.size() == 1 && target.segments.front().find('.') != std::string::npos;
  const std::string name = is_file ? target.segments.front() : "index.html";
  const EmbeddedFile* const file = FindEmbedded(mirror_embedded_pages, name);
  if (file == nullptr) return Refuse(404, "There is no such file.");
  return {200, TypeOf(name), std::string(file->bytes())};
}

constexpr std::uint32_t kPortMax = 65'535;
/// Number of calls at the same time, in addition to the streams of tabs.
constexpr std::size_t kCalls = 8;

HttpLimits Limits() {
  HttpLimits limits;
  limits.connections_max = 256;
  // Browsers have no API key, so that all connections are those of strangers.
  limits.strangers_kept_max = limits.connections_max;
  limits.answers_max = kLiveTabsMax + kCalls;
  limits.keep_alive = true;
  limits.body_time = std::chrono::seconds(5);
  limits.stream_time = std::chrono::hours(12);  // After this time a tab connects again.
  return limits;
}

/// Returns true if the certificate is an operator's. This decides only which buttons the pages show: the
/// server checks every call itself.
absl::StatusOr<bool> IsOperator(const ControlConfig& config) {
  ASSIGN_OR_RETURN(const CertificateInfo info, ReadCertificateInfo(config.tls.certificate));
  return std::find(info.uris.begin(), info.uris.end(), RoleUri(Role::kOperator)) != info.uris.end();
}

void Fail(Console& console, const absl::Status& status, int code) {
  console.Fail(status);
  console.exit_code = code;
}

void Serve(const std::string& config_path, std::uint32_t port, Console& console) {
  const absl::StatusOr<ControlConfig> config = FindControlConfig(config_path, console.err);
  if (!config.ok()) return Fail(console, config.status(), Console::kWrongUsage);
  const absl::StatusOr<bool> is_operator = IsOperator(*config);
  if (!is_operator.ok()) return Fail(console, is_operator.status(), Console::kWrongUsage);
  // Opens the client once, so that a wrong configuration is reported before a browser calls.
  const absl::StatusOr<std::unique_ptr<AdminClient>> client = AdminClient::Open(*config);
  if (!client.ok()) return Fail(console, client.status(), Console::kWrongUsage);

  const Interruption interruption;
  WebEntry entry;
  LiveFeed feed(*config, interruption);
  WebApi api(*config, *is_operator, feed, interruption);
  const auto door = std::make_shared<WebDoor>(entry, api);
  const absl::StatusOr<std::unique_ptr<HttpListener>> listener =
      HttpListener::Open("127.0.0.1", static_cast<std::uint16_t>(port), door, Limits());
  if (!listener.ok()) {
    return Fail(console,
                absl::Status(listener.status().code(),
                             absl::StrCat("the pages cannot be served: ", listener.status().message(),
                                          ". Without --port a free port is used")),
                Console::kFailed);
  }
  door->SetPort((*listener)->port());
  feed.Start();
  console.out << "http://127.0.0.1:" << (*listener)->port() << "/#" << entry.secret() << std::endl;
  console.err
      << "mirrorctl: open this address in a browser of this machine. It works once, and until Ctrl-C.\n"
      << std::flush;
  while (!interruption.Wait(std::chrono::hours(1))) continue;
  feed.EndStreams();
}

}  // namespace

WebEntry::WebEntry()
    : secret_(absl::StrCat(NewToken(), NewToken())), bearer_(absl::StrCat(NewToken(), NewToken())) {}

absl::StatusOr<std::string> WebEntry::Exchange(std::string_view secret) {
  if (!IsSameSecret(secret, secret_)) {
    return absl::UnauthenticatedError(
        "this is not the address that 'mirrorctl web' printed. Copy all of it, from http to the last "
        "letter.");
  }
  const MutexLock lock(mutex_);
  if (used_) {
    return absl::UnauthenticatedError(
        "this address was used before, and works only once. Use the tab in which it was opened, or start "
        "'mirrorctl web' again. If it was not you, stop 'mirrorctl web' now.");
  }
  used_ = true;
  return bearer_;
}

bool WebEntry::Admits(const std::string* authorization) const {
  if (authorization == nullptr) return false;
  const std::string_view given = *authorization;
  return given.starts_with(kScheme) && IsSameSecret(given.substr(kScheme.size()), bearer_);
}

void AddWebCommand(const cli::Command& app, const std::string& config_path, Console& console) {
  const cli::Command web = app.AddCommand(
      "web", "Show tenants, storages, events, the audit log and keys in a browser of this machine");
  web.Footer(
      "Exit codes: 0 interrupted, 1 the port is not available, 2 wrong usage or configuration. Example:\n  "
      "mirrorctl --config dev/mirrorctl.toml web");
  const auto port = std::make_shared<std::uint32_t>(0);
  web.Add("--port", *port, "Port on 127.0.0.1; 0: a free port")
      .ShowDefault()
      .Within<std::uint32_t>(0, kPortMax);
  web.Run([&config_path, &console, port] { Serve(config_path, *port, console); });
}

}  // namespace mirror
