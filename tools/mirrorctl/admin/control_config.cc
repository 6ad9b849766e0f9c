#include "tools/mirrorctl/admin/control_config.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "base/config/config_file.h"
#include "base/config/find_config.h"

namespace mirror {
namespace {

/// Who may not read what is root's may look with something of his own.
absl::Status OrWithOnesOwn(const absl::Status& status) {
  if (!absl::IsPermissionDenied(status)) return status;
  return absl::PermissionDeniedError(absl::StrCat(
      status.message(), ". 'mirrorctl certs issue-viewer' makes a certificate for somebody who only looks"));
}

/// What to do where the file is not there.
const char* AdviceFor(const std::string& prefix) {
  if (prefix == kMovePrefix) return "name the mirrorctl.toml of the other server with --to-config";
  if (prefix == kOverviewPrefix) return "name the mirrorctl.toml of each server with a --config of its own";
  return "name another configuration with --config or in MIRRORCTL_CONFIG ('mirrorctl init' writes one)";
}

}  // namespace

absl::StatusOr<ControlConfig> LoadControlConfig(const std::string& path, const std::string& prefix) {
  absl::StatusOr<ConfigFile> file = ConfigFile::Open(path, AdviceFor(prefix));
  if (!file.ok()) return access(path.c_str(), R_OK) == 0 ? file.status() : OrWithOnesOwn(file.status());
  ControlConfig config;
  config.file = path;
  const auto path_of = [&file](std::string* target) { return SetPath(target, file->folder()); };
  ConfigForm form;
  form.prefix = prefix;
  form.sections = {
      {"endpoint",
       {{"address", SetHostAndPort(&config.address, R"("127.0.0.1:7444" or "[::1]:7444")"), &config.address},
        {"ca", path_of(&config.tls.ca), &config.tls.ca},
        {"certificate", path_of(&config.tls.certificate), &config.tls.certificate},
        {"key", path_of(&config.tls.key), &config.tls.key}}},
      {"audit", {{"certificate", path_of(&config.audit_certificate)}}}};
  form.let_through = {"MIRRORCTL_CONFIG"};
  if (absl::Status status = file->ReadSections(form); !status.ok()) return status;
  return config;
}

absl::StatusOr<ControlConfig> FindControlConfig(const std::string& given, std::ostream& err) {
  const absl::StatusOr<FoundConfig> found = FindConfig(given, kControlConfig);
  if (!found.ok()) return OrWithOnesOwn(found.status());
  SayConfig(*found, "mirrorctl", err);
  return LoadControlConfig(found->path);
}

}  // namespace mirror
