#include "tools/mirrorctl/control_config.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/config/config_file.h"

namespace mirror {
namespace {

/// "127.0.0.1:7444", "mirror.example.org:7444", "[::1]:7444".
bool IsHostAndPort(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  int port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) return false;
  if (port < 1 || port > 65'535) return false;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  return !host.empty() && std::all_of(host.begin(), host.end(), [bracketed](char character) {
    const auto c = static_cast<unsigned char>(character);
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_' ||
           (bracketed && (c == ':' || c == '%'));
  });
}

Setter SetHostAndPort(std::string* target) {
  return [target](const Given& given) {
    absl::StatusOr<std::string> text = AsText(given);
    if (!text.ok()) return text.status();
    if (!IsHostAndPort(*text)) {
      return given.Wrong(
          absl::StrCat("must be host:port, as \"127.0.0.1:7444\" or \"[::1]:7444\", not '", *text, "'"));
    }
    *target = *std::move(text);
    return absl::OkStatus();
  };
}

}  // namespace

absl::StatusOr<ControlConfig> LoadControlConfig(const std::string& path) {
  absl::StatusOr<ConfigFile> file = ConfigFile::Open(
      path, "name the configuration with --config or in MIRRORCTL_CONFIG ('mirrorctl init' writes one)");
  if (!file.ok()) return file.status();
  ControlConfig config;
  config.file = path;
  const auto path_of = [&file](std::string* target) { return SetPath(target, file->folder()); };
  ConfigForm form;
  form.prefix = "MIRRORCTL_";
  form.sections = {{"endpoint",
                    {{"address", SetHostAndPort(&config.address), &config.address},
                     {"ca", path_of(&config.tls.ca), &config.tls.ca},
                     {"certificate", path_of(&config.tls.certificate), &config.tls.certificate},
                     {"key", path_of(&config.tls.key), &config.tls.key}}},
                   {"audit", {{"certificate", path_of(&config.audit_certificate)}}}};
  form.let_through = {"MIRRORCTL_CONFIG"};
  if (absl::Status status = file->ReadSections(form); !status.ok()) return status;
  return config;
}

}  // namespace mirror
