#include "tools/mirrorctl/web/web_command.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/http/listener.h"
#include "base/interruption.h"
#include "base/status_macros.h"
#include "certs/issue.h"
#include "certs/key.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/control_config.h"
#include "tools/mirrorctl/web/entry.h"
#include "tools/mirrorctl/web/live_feed.h"
#include "tools/mirrorctl/web/web_api.h"
#include "tools/mirrorctl/web/web_door.h"

namespace mirror {
namespace {

constexpr std::uint32_t kPortMax = 65'535;
/// Calls at a time beside the tabs' streams.
constexpr std::size_t kCalls = 8;

HttpLimits Limits() {
  HttpLimits limits;
  limits.connections_max = 256;
  limits.strangers_kept_max = limits.connections_max;  // A page has no API key.
  limits.answers_max = kLiveTabsMax + kCalls;
  limits.keep_alive = true;
  limits.body_time = std::chrono::seconds(5);
  limits.stream_time = std::chrono::hours(12);  // A tab then asks again.
  return limits;
}

/// What the pages offer. The server decides, whatever this says.
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
  // What cannot be used shows before a browser does.
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
                                          ". Without --port a free one is taken")),
                Console::kFailed);
  }
  door->SetPort((*listener)->port());
  feed.Start();
  console.out << "http://127.0.0.1:" << (*listener)->port() << "/#" << entry.secret() << std::endl;
  console.err
      << "mirrorctl: open this address in a browser of this machine. It is good once, and until Ctrl-C.\n"
      << std::flush;
  while (!interruption.Wait(std::chrono::hours(1))) continue;
  feed.EndStreams();
}

}  // namespace

void AddWebCommand(const cli::Command& app, const std::string& config_path, Console& console) {
  const cli::Command web = app.AddCommand(
      "web", "Show tenants, storages, events, the audit log and keys in a browser of this machine");
  web.Footer(
      "Exit codes: 0 interrupted, 1 the port cannot be had, 2 wrong usage or configuration. Example:\n"
      "  mirrorctl --config dev/mirrorctl.toml web");
  const auto port = std::make_shared<std::uint32_t>(0);
  web.Add("--port", *port, "Port on 127.0.0.1; 0: one that is free")
      .ShowDefault()
      .Within<std::uint32_t>(0, kPortMax);
  web.Run([&config_path, &console, port] { Serve(config_path, *port, console); });
}

}  // namespace mirror
