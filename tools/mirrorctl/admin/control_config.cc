#include "tools/mirrorctl/admin/control_config.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/text/config_file.h"
#include "base/text/find_config.h"
#include "base/text/text_stream.h"

namespace mirror {
namespace {

/// Adds advice to a permission error: a user who may not read root's files can use a certificate of their
/// own.
absl::Status OrWithOnesOwn(const absl::Status& status) {
  if (!absl::IsPermissionDenied(status)) return status;
  return absl::PermissionDeniedError(
      absl::StrCat(status.message(),
                   ". 'mirrorctl certs issue-viewer' makes a certificate that may read but change nothing"));
}

const char* PrefixOf(ControlUse use) {
  switch (use) {
    case ControlUse::kMoveTarget:
      return "MOVE_TO_";
    case ControlUse::kOneOfSeveral:
      return "";
    default:
      return "MIRRORCTL_";
  }
}

const char* HowToNameIt(ControlUse use) {
  switch (use) {
    case ControlUse::kMoveTarget:
      return "name the mirrorctl.toml of the other server with --to-config";
    case ControlUse::kOneOfSeveral:
      return "name the mirrorctl.toml of each server with a --config of its own";
    default:
      return "name another configuration with --config or in MIRRORCTL_CONFIG ('mirrorctl init' writes one)";
  }
}

}  // namespace

absl::StatusOr<ControlConfig> LoadControlConfig(const std::string& path, ControlUse use) {
  absl::StatusOr<ConfigFile> file = ConfigFile::Open(path, HowToNameIt(use));
  if (!file.ok()) return access(path.c_str(), R_OK) == 0 ? file.status() : OrWithOnesOwn(file.status());
  ControlConfig config;
  config.file = path;
  const auto path_of = [&file](std::string* target) { return SetPath(target, file->folder()); };
  ConfigForm form;
  form.prefix = PrefixOf(use);
  form.sections = {
      {"endpoint",
       {{"address", SetHostAndPort(&config.address, R"("127.0.0.1:7444" or "[::1]:7444")"), &config.address},
        {"ca", path_of(&config.tls.ca), &config.tls.ca},
        {"certificate", path_of(&config.tls.certificate), &config.tls.certificate},
        {"key", path_of(&config.tls.key), &config.tls.key}}},
      {"audit", {{"certificate", path_of(&config.audit_certificate)}}}};
  form.let_through = {"MIRRORCTL_CONFIG"};
  RETURN_IF_ERROR(file->ReadSections(form));
  return config;
}

absl::StatusOr<ControlConfig> FindControlConfig(const std::string& given, std::ostream& err) {
  const absl::StatusOr<FoundConfig> found = FindConfig(given, kControlConfig);
  if (!found.ok()) return OrWithOnesOwn(found.status());
  SayConfig(*found, "mirrorctl", err);
  return LoadControlConfig(found->path);
}

std::vector<ControlConfig> LoadControlConfigs(const std::vector<std::string>& paths, std::size_t* named,
                                              Console& console) {
  std::vector<ControlConfig> configs;
  *named = paths.size();
  for (const std::string& path : paths) {
    absl::StatusOr<ControlConfig> config = LoadControlConfig(path, ControlUse::kOneOfSeveral);
    if (!config.ok()) {
      console.Fail(absl::Status(config.status().code(), Printable(std::string(config.status().message()))));
      console.exit_code = Console::kWrongUsage;
      continue;
    }
    const auto same = std::find_if(configs.begin(), configs.end(), [&config](const ControlConfig& other) {
      return other.address == config->address;
    });
    if (same == configs.end()) {
      configs.push_back(*std::move(config));
      continue;
    }
    --*named;
    console.err << "mirrorctl: " << kWarningWord << " '" << Printable(path)
                << "' is ignored, because it names the same server as '" << Printable(same->file)
                << "': " << Printable(same->address) << '\n';
  }
  return configs;
}

}  // namespace mirror
