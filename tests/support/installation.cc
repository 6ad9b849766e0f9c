#include "tests/support/installation.h"

#include <grpcpp/channel.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "certs/key.h"
#include "certs/tls.h"
#include "tests/support/postgres_server.h"

namespace mirror {
namespace {

// As 'mirrorctl init' has them.
constexpr char kIssuer[] = "Development Source";
constexpr char kApplication[] = "mirror-development";
constexpr char kKeyId[] = "source-1";

absl::Status RunInit(const std::string& mirrorctl, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "init");
  const Finished init = RunProgram(mirrorctl, arguments);
  if (init.exit_code == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("mirrorctl init: exit code ", init.exit_code, ": ", init.errors));
}

/// Files that 'mirrorctl init' made for a tenant, kept for the other tests of this process: new keys take
/// longer than most tests do. Two installations that live at the same time never have the same keys.
class MadeOnce {
 public:
  static MadeOnce& Shared() {
    static MadeOnce shared;
    return shared;
  }

  /// Makes `dir`. True: with the kept keys, and Return() gives them back.
  absl::StatusOr<bool> Make(const std::string& mirrorctl, const std::string& context_id,
                            const std::string& dir) {
    const std::lock_guard lock(mutex_);
    Kept& kept = kept_[context_id];
    if (kept.lent) {
      const absl::Status made = RunInit(mirrorctl, {"--dir", dir, "--context-id", context_id});
      if (!made.ok()) return made;
      return false;
    }
    const std::string original = kept.folder.path() + "/dev";
    if (!std::filesystem::exists(original)) {
      const absl::Status made = RunInit(mirrorctl, {"--dir", original, "--context-id", context_id});
      if (!made.ok()) return made;
    }
    std::filesystem::copy(original, dir, std::filesystem::copy_options::recursive);
    kept.lent = true;
    return true;
  }

  void Return(const std::string& context_id) {
    const std::lock_guard lock(mutex_);
    kept_[context_id].lent = false;
  }

 private:
  struct Kept {
    TempFolder folder;
    bool lent = false;
  };
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;  // By tenant. Guarded by mutex_.
};

}  // namespace

absl::StatusOr<std::unique_ptr<Installation>> Installation::Init(const InstallationOptions& options) {
  // How soon an idle client of this process notices that its server goes: at a restart the server waits for
  // it.
  setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "50", 0);
  std::unique_ptr<Installation> made(new Installation);
  made->dir_ = made->folder_.path() + "/dev";
  made->bin_dir_ = options.bin_dir;
  made->context_id_ = options.context_id;
  made->environment_ = options.environment;
  if (options.postgres) {
    PostgresServer* const server = PostgresServer::Shared();
    if (server == nullptr) return absl::FailedPreconditionError(PostgresServer::WhyNot());
    made->conninfo_ = server->NewDatabase();
    if (absl::Status init =
            RunInit(made->program("mirrorctl"), {"--dir", made->dir_, "--context-id", options.context_id,
                                                 "--store", "postgres", "--postgres", made->conninfo_});
        !init.ok()) {
      return init;
    }
  } else {
    const absl::StatusOr<bool> lent =
        MadeOnce::Shared().Make(made->program("mirrorctl"), options.context_id, made->dir_);
    if (!lent.ok()) return lent.status();
    made->has_kept_keys_ = *lent;
  }
  if (absl::Status set = made->Set({"listen", "port", "0"}); !set.ok()) return set;
  if (absl::Status set = made->Set({"admin", "port", "0"}); !set.ok()) return set;
  if (absl::Status set = made->Set({"metrics", "port", "0"}); !set.ok()) return set;
  for (const Setting& setting : options.settings) {
    if (absl::Status set = made->Set(setting); !set.ok()) return set;
  }
  if (!options.more_toml.empty()) {
    WriteFileText(made->server_toml(), ReadFileText(made->server_toml()) + "\n" + options.more_toml);
  }
  return made;
}

absl::StatusOr<std::unique_ptr<Installation>> Installation::Make(const InstallationOptions& options) {
  absl::StatusOr<std::unique_ptr<Installation>> made = Init(options);
  if (!made.ok()) return made.status();
  if (absl::Status started = (*made)->Start(); !started.ok()) return started;
  return made;
}

Installation::~Installation() {
  Kill();
  if (has_kept_keys_) MadeOnce::Shared().Return(context_id_);
}

absl::Status Installation::Start() {
  ProcessOptions options;
  options.program = program(server_program_);
  options.arguments = {"--config", server_toml()};
  options.environment = environment_;
  if (descriptor_limit_ > 0) {
    const std::vector<std::string> limit = {absl::StrCat("--nofile=", descriptor_limit_), options.program};
    options.arguments.insert(options.arguments.begin(), limit.begin(), limit.end());
    options.program = "/usr/bin/prlimit";
  }
  options.stderr_file = folder_.path() + "/server.err";
  absl::StatusOr<std::unique_ptr<Process>> started = Process::Start(options);
  if (!started.ok()) return started.status();
  server_ = *std::move(started);
  const absl::StatusOr<std::string> line = server_->WaitForLine(server_program_ + " ready:");
  if (!line.ok()) return line.status();
  if (std::sscanf(line->c_str() + server_program_.size(),
                  " ready: sources on 127.0.0.1:%d, admin on 127.0.0.1:%d", &port_, &admin_port_) != 2) {
    return absl::InternalError(absl::StrCat("the ready line is another one: ", *line));
  }
  return absl::OkStatus();
}

absl::Status Installation::StartProgram(const std::string& name) {
  server_program_ = name;
  return Start();
}

absl::StatusOr<int> Installation::Stop() {
  if (!server_) return absl::FailedPreconditionError("no server runs");
  server_->Signal(SIGTERM);
  return server_->Wait();
}

void Installation::Kill() {
  if (!server_) return;
  server_->Signal(SIGKILL);
  server_->Wait().IgnoreError();
}

absl::Status Installation::Restart() {
  const absl::StatusOr<int> code = Stop();
  if (!code.ok()) return code.status();
  if (*code != 0) {
    return absl::InternalError(absl::StrCat("the server ended with ", *code, ": ", server_->Errors()));
  }
  return Start();
}

absl::StatusOr<Identity> Installation::SourceIdentity() const {
  absl::StatusOr<SigningKey> key = SigningKey::Load(dir_ + "/source/source-1.key", kKeyId);
  if (!key.ok()) return key.status();
  absl::StatusOr<PublicKey> application = PublicKey::Load(dir_ + "/application/application-1.crt");
  if (!application.ok()) return application.status();
  Identity identity;
  identity.issuer = kIssuer;
  identity.key = std::make_shared<const SigningKey>(*std::move(key));
  identity.application_id = kApplication;
  identity.application_key = std::make_shared<const PublicKey>(*std::move(application));
  return identity;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Installation::Channel() const {
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials =
      MakeChannelCredentials({dir_ + "/tls/ca.crt", "", ""});
  if (!credentials.ok()) return credentials.status();
  return OpenChannel(address(), *credentials);
}

absl::StatusOr<std::unique_ptr<MirrorClient>> Installation::Client(const std::string& context_id) {
  absl::StatusOr<Identity> identity = SourceIdentity();
  if (!identity.ok()) return identity.status();
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = Channel();
  if (!channel.ok()) return channel.status();
  return std::make_unique<MirrorClient>(*channel, *std::move(identity),
                                        context_id.empty() ? context_id_ : context_id);
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Installation::AdminChannel(Role role) const {
  const std::string stem = dir_ + (role == Role::kOperator ? "/admin/operator" : "/admin/viewer");
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials =
      MakeChannelCredentials({dir_ + "/admin/ca.crt", stem + ".crt", stem + ".key"});
  if (!credentials.ok()) return credentials.status();
  return OpenChannel(admin_address(), *credentials);
}

absl::StatusOr<std::unique_ptr<v1::MirrorAdmin::Stub>> Installation::Admin(Role role) const {
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = AdminChannel(role);
  if (!channel.ok()) return channel.status();
  return v1::MirrorAdmin::NewStub(*channel);
}

Finished Installation::Mirrorctl(const std::vector<std::string>& arguments) const {
  const std::string config = dir_ + "/mirrorctl.toml";
  std::string text;
  const std::vector<std::string> lines = absl::StrSplit(ReadFileText(config), '\n');
  for (const std::string& line : lines) {
    absl::StrAppend(
        &text, line.starts_with("address =") ? absl::StrCat("address = \"", admin_address(), "\"") : line,
        "\n");
  }
  WriteFileText(config, text);
  std::vector<std::string> all = {"--config", config};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return RunProgram(program("mirrorctl"), all);
}

absl::Status Installation::Set(const Setting& setting) {
  std::string text, section;
  bool found = false;
  const std::vector<std::string> lines = absl::StrSplit(ReadFileText(server_toml()), '\n');
  for (const std::string& line : lines) {
    if (line.starts_with("[")) section = line.substr(0, line.find_last_of(']') + 1);
    const bool here = section == "[" + setting.section + "]" || section == "[[" + setting.section + "]]";
    if (!found && here && line.starts_with(setting.key + " =")) {
      absl::StrAppend(&text, setting.key, " = ", setting.value, "\n");
      found = true;
    } else {
      absl::StrAppend(&text, line, "\n");
    }
  }
  if (!found) {
    return absl::NotFoundError(absl::StrCat("no key '", setting.key, "' in [", setting.section, "]"));
  }
  WriteFileText(server_toml(), text);
  return absl::OkStatus();
}

std::string Installation::mirror_path(const std::string& context_id) const {
  return absl::StrCat(data_dir(), "/Mirror_", context_id.empty() ? context_id_ : context_id, ".db");
}

MirrorFile Installation::mirror(const std::string& context_id) const {
  const std::string& tenant = context_id.empty() ? context_id_ : context_id;
  if (conninfo_.empty()) return {mirror_path(tenant), tenant};
  // Who asks for it compares, and sees then that there is none.
  const std::string copy = absl::StrCat(folder_.path(), "/copy-", ++copies_, ".db");
  Mirrorctl({"backup", tenant, copy});
  return {copy, tenant};
}

std::string Installation::address() const { return absl::StrCat("127.0.0.1:", port_); }
std::string Installation::admin_address() const { return absl::StrCat("127.0.0.1:", admin_port_); }

}  // namespace mirror
