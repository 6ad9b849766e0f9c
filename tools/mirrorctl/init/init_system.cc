#include "tools/mirrorctl/init/init_system.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crash_point.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/interruption.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/system_user.h"
#include "base/text/text_stream.h"
#include "tools/mirrorctl/init/init_postgres.h"
#include "tools/mirrorctl/init/init_source.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

constexpr char kServerUser[] = "partner-mirror", kAgentUser[] = "partner-mirror-agent";
constexpr char kServerFolder[] = "/etc/partner-mirror", kAgentFolder[] = "/etc/partner-mirror-agent";
constexpr char kServerData[] = "/var/lib/partner-mirror", kAgentState[] = "/var/lib/partner-mirror-agent";
constexpr char kDropInFolder[] = "/etc/systemd/system/mirror-agent.service.d";
constexpr char kDropIn[] = "/etc/systemd/system/mirror-agent.service.d/sources.conf";
// Name of mirror-server.toml until all other files exist. A file with this name shows that init was
// interrupted.
constexpr char kUnfinished[] = ".mirror-server.toml.unfinished";
// Files and folders that init makes in each folder. The last file of the server shows that all others exist.
constexpr const char* kOfServer[] = {
    kUnfinished,         "tls",    "admin",   "issuers",           "application", "mirrorctl.toml",
    "mirror-agent.toml", "source", kPassfile, "mirror-server.toml"};
constexpr const char* kOfAgent[] = {"tls", "application", "source", "public", "mirror-agent.toml"};
// Files that belong to root. Whoever can read the keys is an operator, or can become one, and the server's
// process does not need them. The server reads the certificates. root's mirrorctl verifies the server by
// admin/ca.crt.
constexpr const char* kOfRoot[] = {"tls/ca.key",         "tls/ca.crt",         "tls/server.crt",
                                   "admin/ca.key",       "admin/ca.crt",       "admin/server.crt",
                                   "admin/operator.crt", "admin/operator.key", "admin/viewer.crt",
                                   "admin/viewer.key",   "mirrorctl.toml"};
// The folders of these files. They belong to root, because a user who can write there could replace the
// files.
constexpr const char* kReadByServer[] = {"tls", "admin", ""};

// Checks that none of init's paths leads out of `root`.
absl::Status CheckRoot(const std::string& root) {
  for (const char* path : {kServerFolder, kAgentFolder, kServerData, kAgentState, kDropIn}) {
    RETURN_IF_ERROR(CheckBelow(root, path));
  }
  RETURN_IF_ERROR(CheckUserFiles(root));
  return CheckKinds(root, {kServerData, kAgentState}, kDropIn);
}

std::string InitCommand(const InitOptions& options) {
  const InitOptions begin;
  std::string command = absl::StrCat("mirrorctl init --system --context-id ", ShellWord(options.context_id));
  const auto add = [&command](const char* name, const std::string& value) {
    if (!value.empty()) absl::StrAppend(&command, " ", name, " ", ShellWord(value));
  };
  const auto port = [&add](const char* name, int value, int unless) {
    if (value != unless) add(name, absl::StrCat(value));
  };
  add("--source", options.source);
  add("--host", absl::StrJoin(options.hosts, ","));
  add("--contexts", absl::StrJoin(options.contexts, ","));
  port("--port", options.port, begin.port);
  port("--admin-port", options.admin_port, begin.admin_port);
  port("--metrics-port", options.metrics_port, begin.metrics_port);
  if (!options.postgres.empty()) add("--store", "postgres");
  add("--postgres", options.postgres);
  return command;
}

constexpr char kSourceCommands[] =
    "  tar -C /etc/partner-mirror-agent -xf for-source.tar\n"
    "  mirrorctl certs issue-source --dir /etc/partner-mirror-agent --issuer-folder public --key-id "
    "source-1\n"
    "  chown -R partner-mirror-agent: /etc/partner-mirror-agent\n";

/// Sets up a system. If a step fails, it restores the former state.
class SystemInit {
 public:
  SystemInit(InitOptions options, std::string root) : options_(std::move(options)), root_(std::move(root)) {}

  absl::Status Run();
  void Print(Console& console) const;
  /// Returns the commands that the error of Run() mentions.
  const std::string& to_type() const { return to_type_; }

 private:
  /// The state of a path before a change. The path includes `root`.
  struct Before {
    std::string path;
    std::optional<struct stat> info;  ///< Absent: the path did not exist.
  };

  absl::Status Check();
  absl::Status CheckMachine();
  absl::Status CheckSource();
  /// Returns true if the source is in a folder with other files, to which the service gets no access.
  bool IsShared() const;
  absl::Status CheckEmpty();
  absl::Status CheckEmpty(const std::string& folder, const char* const* names, std::size_t count) const;
  absl::Status CutOff();
  absl::Status Make(const Interruption& interruption);
  absl::Status MakeServer();
  absl::Status MakeAgent();
  absl::Status MakeDropIn();
  absl::Status Finish();
  /// Makes root the only user of a folder while init fills it.
  absl::Status Take(const std::string& folder);
  absl::Status MakeState(const std::string& folder, const SystemUser& user, mode_t mode);
  absl::Status Write(const std::string& path, const std::string& content, FileUse use);
  absl::Status Copy(const std::string& name);
  /// Makes `user` the owner of everything below a folder, except root's files. The owner of the folder itself
  /// is changed later.
  absl::Status GiveContents(const std::string& folder, const SystemUser& user) const;
  absl::Status Give(const std::string& path, const SystemUser& user, std::optional<mode_t> mode) const;
  /// Allows the user's group to read a folder of root.
  absl::Status LetRead(const std::string& folder, const SystemUser& user) const;
  std::string Undo() const;
  void PrintMirror(Console& console) const;
  void PrintNextHere(Console& console) const;
  void PrintNextElsewhere(Console& console) const;

  InitOptions options_;
  const std::string root_;
  std::string source_;         ///< Absolute path of the source inside the system; empty: there is no source.
  std::string source_file_;    ///< This path without links.
  std::string source_folder_;  ///< The folder in which SQLite makes its other files.
  std::optional<SystemUser> server_, agent_;
  std::vector<Before> before_;
  /// The folders were empty when init began to use them, so that everything in them is init's.
  bool fills_ = false;
  bool made_drop_in_ = false;
  std::string to_type_;
};

absl::Status SystemInit::Run() {
  RETURN_IF_ERROR(Check());
  const Interruption interruption;
  const absl::Status made = Make(interruption);
  if (made.ok()) return made;
  const std::string left = Undo();
  return absl::Status(
      made.code(),
      absl::StrCat(made.message(), left.empty() ? " What init had made was removed again." : left));
}

absl::Status SystemInit::Check() {
  if (root_.empty() && geteuid() != 0) {
    to_type_ = absl::StrCat("  sudo ", InitCommand(options_), "\n");
    return absl::PermissionDeniedError(
        "--system fills folders in /etc and needs root. Nothing was made. Type:");
  }
  RETURN_IF_ERROR(CheckNames(options_));
  RETURN_IF_ERROR(CheckRoot(root_));
  server_ = FindSystemUser(root_, kServerUser);
  agent_ = FindSystemUser(root_, kAgentUser);
  RETURN_IF_ERROR(CheckUsers(server_, agent_));
  RETURN_IF_ERROR(CheckMachine());
  RETURN_IF_ERROR(CheckSource());
  return CheckEmpty();
}

absl::Status SystemInit::CheckMachine() {
  InitOptions mirror = options_;
  mirror.source.clear();
  if (mirror.hosts.empty()) mirror.hosts = {"mirror.example.org"};
  const std::string of_mirror = absl::StrCat("  ", InitCommand(mirror), "\n");
  if (!server_ && !agent_) {
    to_type_ = "  apt install ./partner-mirror-{server,agent,tools}_*.deb\n";
    return absl::FailedPreconditionError(
        "there are no users 'partner-mirror' and 'partner-mirror-agent': the packages make them. Nothing was "
        "made. Without packages use 'mirrorctl init --dir DIR'. Type:");
  }
  if (!server_) {
    to_type_ = absl::StrCat("  # on the mirror's machine; its output says how to make for-source.tar\n",
                            of_mirror, "  # here, with that file\n", kSourceCommands);
    return absl::FailedPreconditionError(
        "this machine has only the agent (no user 'partner-mirror'), but init makes a mirror. Nothing was "
        "made. Type:");
  }
  if (agent_) return absl::OkStatus();
  if (!options_.source.empty()) {
    return absl::FailedPreconditionError(
        "--source is read on the agent's machine, but this one has no agent (no user "
        "'partner-mirror-agent'). Nothing was made. Omit --source and give --host, or install "
        "partner-mirror-agent here, too.");
  }
  if (!options_.hosts.empty()) return absl::OkStatus();
  to_type_ = of_mirror;
  return absl::FailedPreconditionError(
      "this machine has no agent (no user 'partner-mirror-agent'), so the sources are elsewhere, and --host "
      "must give the name by which they reach this machine. Nothing was made. Install partner-mirror-agent "
      "here, too, or type:");
}

absl::Status SystemInit::CheckSource() {
  if (options_.source.empty() || NamesServer(options_.source)) return absl::OkStatus();
  if (!root_.empty() && options_.source.front() != '/') {
    return absl::InvalidArgumentError(absl::StrCat("--source '", options_.source,
                                                   "' is not absolute: with --root it has to begin with /, "
                                                   "and is below that folder. Nothing was made."));
  }
  const std::string named = fs::path(options_.source).lexically_normal().string();
  RETURN_IF_ERROR(CheckBelow(root_, named));
  ASSIGN_OR_RETURN(source_, SourcePath(root_.empty() ? options_.source : named, root_));
  std::error_code error;
  // SQLite makes its files beside the target of a link.
  const fs::path file = root_.empty() ? fs::canonical(source_, error) : fs::path(source_);
  source_file_ = error ? source_ : file.string();
  source_folder_ = fs::path(source_file_).parent_path().string();
  return absl::OkStatus();
}

bool SystemInit::IsShared() const {
  return !source_.empty() && source_folder_ != kAgentState && IsSharedFolder(root_, source_file_);
}

absl::Status SystemInit::CheckEmpty() {
  struct stat info = {};
  if (lstat(absl::StrCat(root_, kServerFolder, "/", kUnfinished).c_str(), &info) == 0) return CutOff();
  const absl::Status server = CheckEmpty(kServerFolder, kOfServer, std::size(kOfServer));
  if (!server.ok() || !agent_) return server;
  return CheckEmpty(kAgentFolder, kOfAgent, std::size(kOfAgent));
}

absl::Status SystemInit::CheckEmpty(const std::string& folder, const char* const* names,
                                    std::size_t count) const {
  struct stat info = {};
  const bool is_whole = lstat((root_ + kServerFolder + "/mirror-server.toml").c_str(), &info) == 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string path = absl::StrCat(root_, folder, "/", names[i]);
    if (lstat(path.c_str(), &info) != 0) continue;
    return absl::AlreadyExistsError(absl::StrCat(
        "'", path, "' exists: ",
        is_whole ? "init was run here before, and nothing was changed. For single keys see 'mirrorctl certs "
                   "--help'; to start again, first move the content of the folder away."
                 : "init did not make this, because there is no mirror-server.toml. Nothing was changed. "
                   "First move the content of the folder away."));
  }
  return absl::OkStatus();
}

absl::Status SystemInit::CutOff() {
  std::vector<std::string> left;
  const auto add = [&](const std::string& path) {
    struct stat info = {};
    if (lstat(path.c_str(), &info) == 0) left.push_back(ShellWord(path));
  };
  // The drop-in of a former init may be for another folder, so it is replaced.
  if (IsDropIn(root_ + kDropIn)) add(root_ + kDropIn);
  for (const char* name : kOfAgent) add(absl::StrCat(root_, kAgentFolder, "/", name));
  // The command removes the file last that shows that init was completed.
  for (std::size_t i = std::size(kOfServer); i-- > 0;)
    add(absl::StrCat(root_, kServerFolder, "/", kOfServer[i]));
  to_type_ = absl::StrCat("  rm -r ", absl::StrJoin(left, " "), "\n  ", InitCommand(options_),
                          root_.empty() ? "" : absl::StrCat(" --root ", ShellWord(root_)), "\n");
  return absl::AlreadyExistsError(
      absl::StrCat("an earlier init was cut off and left a part of its files in '", root_, kServerFolder,
                   "': they cannot be used. Nothing was changed. Remove them and run init again. Type:"));
}

absl::Status SystemInit::Make(const Interruption& interruption) {
  options_.dir = root_ + kServerFolder;
  options_.data_dir = kServerData;
  options_.state_dir = kAgentState;
  // An agent on this machine uses this address, whatever `hosts` are. Otherwise the file is for the source's
  // machine.
  if (agent_) options_.called = "127.0.0.1";
  absl::Status status = MakeServer();
  const auto then = [&](const auto& step) {
    if (status.ok() && interruption.Wait(std::chrono::milliseconds(0)))
      status = absl::CancelledError("init was interrupted.");
    if (status.ok()) status = step();
  };
  if (agent_) then([&] { return MakeAgent(); });
  then([&] { return GiveContents(kServerFolder, *server_); });
  if (agent_) then([&] { return GiveContents(kAgentFolder, *agent_); });
  if (agent_) then([&] { return Give(root_ + kAgentFolder, *agent_, 0750); });
  for (const char* name : kReadByServer) {
    then([&] { return LetRead(absl::StrCat(root_, kServerFolder, "/", name), *server_); });
  }
  then([&] { return Finish(); });
  return status;
}

absl::Status SystemInit::MakeServer() {
  absl::Status status = Take(kServerFolder);
  if (status.ok() && agent_) status = Take(kAgentFolder);
  // Checks again, because until now the users of the folders could have put files there.
  if (status.ok()) status = CheckEmpty();
  fills_ = status.ok();
  if (status.ok()) {
    for (const char* name : kOfServer) RemoveTemporaries(absl::StrCat(root_, kServerFolder, "/", name));
    for (const char* name : kOfAgent)
      if (agent_) RemoveTemporaries(absl::StrCat(root_, kAgentFolder, "/", name));
    status = Write(absl::StrCat(root_, kServerFolder, "/", kUnfinished), ServerConfiguration(options_),
                   FileUse::kSecret);
  }
  CrashPoint("init.begun");
  const std::string of_source = root_ + kAgentFolder + "/source";
  if (status.ok() && agent_) status = MakeFolder(of_source);
  if (status.ok()) status = MakeKeys(options_, agent_ ? of_source + "/source-1.key" : "");
  if (status.ok()) {
    status =
        Write(root_ + kServerFolder + "/mirrorctl.toml", ControlConfiguration(options_), FileUse::kSecret);
  }
  if (status.ok() && !agent_) {
    status = Write(root_ + kServerFolder + "/mirror-agent.toml", AgentConfiguration(options_, ""),
                   FileUse::kSecret);
  }
  return status.ok() ? MakeState(kServerData, *server_, 0750) : status;
}

absl::Status SystemInit::MakeAgent() {
  absl::Status status = MakeFolder(root_ + kAgentFolder + "/tls");
  if (status.ok()) status = MakeFolder(root_ + kAgentFolder + "/application");
  if (status.ok()) status = Copy("/tls/ca.crt");
  if (status.ok()) status = Copy("/application/application-1.crt");
  if (status.ok()) {
    status = Write(root_ + kAgentFolder + "/mirror-agent.toml", AgentConfiguration(options_, source_, root_),
                   FileUse::kSecret);
  }
  if (status.ok()) status = MakeSourcePassfile(options_, root_ + kAgentFolder);
  if (status.ok()) status = MakeState(kAgentState, *agent_, 0700);
  return status.ok() && !source_.empty() ? MakeDropIn() : status;
}

absl::Status SystemInit::MakeDropIn() {
  const bool is_own = (source_folder_ + "/").starts_with(absl::StrCat(kAgentState, "/"));
  if (is_own || IsShared()) return absl::OkStatus();
  struct stat info = {};
  // The file is not init's; Print() says so.
  if (lstat((root_ + kDropIn).c_str(), &info) == 0) return absl::OkStatus();
  fs::path folder = root_.empty() ? "/" : root_;
  for (const fs::path& part : fs::path(kDropInFolder).relative_path()) {
    folder /= part;
    if (lstat(folder.c_str(), &info) == 0) continue;
    before_.push_back({folder.string(), std::nullopt});
    if (mkdir(folder.c_str(), 0755) != 0 || chmod(folder.c_str(), 0755) != 0) {
      return absl::UnavailableError(
          absl::StrCat("the folder '", folder.string(), "' cannot be made: ", std::strerror(errno), "."));
    }
  }
  before_.push_back({root_ + kDropIn, std::nullopt});
  made_drop_in_ = true;
  RemoveTemporaries(root_ + kDropIn);
  return Write(root_ + kDropIn, DropInText(source_folder_), FileUse::kPublic);
}

absl::Status SystemInit::Finish() {
  CrashPoint("init.filled");
  const std::string folder = root_ + kServerFolder;
  const std::string from = absl::StrCat(folder, "/", kUnfinished), to = folder + "/mirror-server.toml";
  if (std::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("'", to, "' cannot be made: ", std::strerror(errno), "."));
}

absl::Status SystemInit::Take(const std::string& folder) {
  const std::string path = root_ + folder;
  struct stat info = {};
  const bool is_there = stat(path.c_str(), &info) == 0;
  RETURN_IF_ERROR(CheckLeadsSomewhere(path));
  before_.push_back({path, is_there ? std::optional(info) : std::nullopt});
  if (!is_there) return MakeFolder(path);
  if (S_ISDIR(info.st_mode) && chown(path.c_str(), geteuid(), getegid()) == 0 &&
      chmod(path.c_str(), 0700) == 0) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat(
      "'", path, "' cannot be filled: ", S_ISDIR(info.st_mode) ? std::strerror(errno) : "it is not a folder",
      "."));
}

absl::Status SystemInit::MakeState(const std::string& folder, const SystemUser& user, mode_t mode) {
  std::string path = root_ + folder;
  struct stat info = {};
  std::error_code error;
  const bool is_there = stat(path.c_str(), &info) == 0;
  RETURN_IF_ERROR(CheckLeadsSomewhere(path));
  // A folder that a package or its service made, or that has data, stays unchanged. An empty folder of root
  // may come from an init that was killed here, so it is used.
  if (is_there && (info.st_uid != geteuid() || !fs::is_empty(path, error) || error)) return absl::OkStatus();
  if (is_there) path = fs::canonical(path, error).string();
  before_.push_back({path, is_there ? std::optional(info) : std::nullopt});
  const absl::Status made = MakeFolder(path);
  return made.ok() ? Give(path, user, mode) : made;
}

absl::Status SystemInit::Write(const std::string& path, const std::string& content, FileUse use) {
  return WriteFileAtomically(path, content, use, ExistingFile::kRefuse);
}

absl::Status SystemInit::Copy(const std::string& name) {
  ASSIGN_OR_RETURN(const std::string content, ReadKeyFile(root_ + kServerFolder + name, FileUse::kPublic));
  return Write(root_ + kAgentFolder + name, content, FileUse::kPublic);
}

absl::Status SystemInit::GiveContents(const std::string& folder, const SystemUser& user) const {
  const std::string top = root_ + folder;
  std::vector<std::string> paths;
  std::error_code error;
  const auto is_roots = [&](const std::string& path) {
    const auto is = [&](const char* name) { return path == absl::StrCat(top, "/", name); };
    return folder == kServerFolder && (std::any_of(std::begin(kOfRoot), std::end(kOfRoot), is) ||
                                       std::any_of(std::begin(kReadByServer), std::end(kReadByServer), is));
  };
  // Files that a package put there keep their owner.
  const bool server = folder == kServerFolder;
  const char* const* const names = server ? kOfServer : kOfAgent;
  for (std::size_t i = 0; i < (server ? std::size(kOfServer) : std::size(kOfAgent)); ++i) {
    const std::string own = absl::StrCat(top, "/", names[i]);
    const fs::file_status there = fs::symlink_status(own, error);
    if (!fs::exists(there)) continue;
    paths.push_back(own);
    if (!fs::is_directory(there)) continue;
    error.clear();
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(own, error)) {
      paths.push_back(entry.path().string());
    }
    if (error)
      return absl::UnavailableError(absl::StrCat("'", own, "' cannot be read: ", error.message(), "."));
  }
  for (const std::string& path : paths) {
    if (is_roots(path)) continue;
    RETURN_IF_ERROR(Give(path, user, std::nullopt));
  }
  return absl::OkStatus();
}

absl::Status SystemInit::Give(const std::string& path, const SystemUser& user,
                              std::optional<mode_t> mode) const {
  // The owner is changed last: if init is interrupted before, the file still belongs to root.
  if ((!mode || chmod(path.c_str(), *mode) == 0) && lchown(path.c_str(), user.id, user.group) == 0)
    return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("'", path, "' cannot be given to the user '", user.name,
                                             "': ", std::strerror(errno), "."));
}

absl::Status SystemInit::LetRead(const std::string& folder, const SystemUser& user) const {
  return Give(folder, {user.name, geteuid(), user.group}, 0750);
}

std::string SystemInit::Undo() const {
  std::vector<std::string> left;
  const auto remove = [&left](const std::string& path) {
    std::error_code error;
    // The path may not exist, because it could not be made.
    if (!fs::exists(fs::symlink_status(path, error))) return;
    fs::remove_all(path, error);
    if (error) left.push_back(path);
  };
  for (auto it = before_.rbegin(); it != before_.rend(); ++it) {
    if (!it->info) {
      remove(it->path);
      continue;
    }
    if (!fills_) {
      // The folder stays and gets its former owner.
    } else if (it->path == root_ + kServerFolder) {
      for (const char* name : kOfServer) remove(absl::StrCat(it->path, "/", name));
    } else if (it->path == root_ + kAgentFolder) {
      for (const char* name : kOfAgent) remove(absl::StrCat(it->path, "/", name));
    }
    if (chown(it->path.c_str(), it->info->st_uid, it->info->st_gid) != 0 ||
        chmod(it->path.c_str(), it->info->st_mode & 07777) != 0) {
      left.push_back(it->path);
    }
  }
  if (left.empty()) return "";
  return absl::StrCat(
      " Not everything that init had made could be removed. Before you run init again, "
      "remove: ",
      absl::StrJoin(left, ", "), ".");
}

void SystemInit::PrintMirror(Console& console) const {
  console.out
      << "Made in " << kServerFolder << ", for the user " << kServerUser << ":\n"
      << "  mirror-server.toml  the endpoint, " << ListenAddress(options_) << ":" << options_.port
      << ", administration :" << options_.admin_port << ", metrics :" << options_.metrics_port << "; data in "
      << kServerData << '\n'
      << "  mirrorctl.toml      the administration, as operator; for root alone\n"
      << "  tls/ admin/         certificate authorities, and pairs for the two ports and their clients\n"
      << "  issuers/            "
      << (agent_ ? "the source's signing key source-1, its public half\n"
                 : "the sources' signing keys, their public halves: none yet\n")
      << "  application/        the endpoint's signing key application-1, and the key that hashes columns\n";
}

void SystemInit::Print(Console& console) const {
  PrintMirror(console);
  if (!agent_) {
    console.out << "  mirror-agent.toml   for the source's machine, with tls/ca.crt and "
                   "application/application-1.crt\n"
                   "No outside authority has signed these keys.\n";
    return PrintNextElsewhere(console);
  }
  console.out << "Made in " << kAgentFolder << ", for the user " << kAgentUser << ":\n"
              << "  mirror-agent.toml   "
              << (options_.source.empty()
                      ? "no source yet: add a [[source]]"
                      : "the source " + Printable(source_.empty() ? options_.source : source_))
              << '\n'
              << "  source/             the source's signing key source-1, its private half\n"
              << "  tls/ application/   certificates by which it recognises the endpoint\n";
  if (made_drop_in_) {
    console.out << "Made " << kDropIn << ":\n  the service may write in " << Printable(source_folder_)
                << '\n';
  }
  console.out << "No outside authority has signed these keys.\n";
  if (!options_.hosts.empty()) {
    console.out << "Sources on other machines have keys of their own: see " << kDeployingPage << ".\n";
  }
  PrintNextHere(console);
}

void SystemInit::PrintNextHere(Console& console) const {
  std::ostream& out = AsItIs(console.out);  // Commands must be easy to copy.
  struct stat info = {};
  if (IsShared()) {
    out << "\nThe agent writes beside its source, and " << Printable(source_folder_)
        << " has other things in it. First:\n"
        << "  # move the database into a folder of its own; set its new path in the application, and as "
           "[[source]] path in\n"
           "  # "
        << kAgentFolder << "/mirror-agent.toml;\n"
        << "  # 'systemctl edit mirror-agent': [Service] ReadWritePaths=FOLDER of the database; then\n";
  } else if (!source_.empty() && !made_drop_in_ && lstat((root_ + kDropIn).c_str(), &info) == 0) {
    out << "\n"
        << kDropIn << " existed already and was not changed. It must have, in [Service]:\n"
        << "  ReadWritePaths=" << SystemdPath(source_folder_) << '\n';
  }
  if (!source_.empty() && !IsShared()) {
    const std::vector<std::string> commands = CommandsToShare(root_, source_file_, *agent_);
    if (!commands.empty()) {
      out << "\nThe user " << kAgentUser << " cannot yet read and write " << Printable(source_)
          << " and SQLite's files beside it. First:\n";
      for (const std::string& command : commands) out << "  " << command << '\n';
    }
  }
  out << "\nNext:\n  systemctl enable --now mirror-server\n";
  if (options_.source.empty()) {
    out << "  # add a [[source]] with context_id = " << TomlString(options_.context_id)
        << " and path or dsn to " << kAgentFolder << "/mirror-agent.toml;\n"
        << "  # 'systemctl edit mirror-agent': [Service] ReadWritePaths=FOLDER of a source that is a file; "
           "then\n";
  }
  out << InstallSteps(options_, absl::StrCat("runuser -u ", kAgentUser, " -- mirror-agent install --config ",
                                             kAgentFolder, "/mirror-agent.toml"))
      << "  systemctl enable --now mirror-agent\n"
      << "  mirrorctl --config " << kServerFolder << "/mirrorctl.toml tables " << options_.context_id << '\n';
}

void SystemInit::PrintNextElsewhere(Console& console) const {
  AsItIs(console.out)
      << "\nNext, here:\n  tar -C " << kServerFolder
      << " -cf for-source.tar mirror-agent.toml tls/ca.crt application/application-1.crt\n"
      << "On the source's machine, which has partner-mirror-agent and partner-mirror-tools, with that file:\n"
      << kSourceCommands << "Then, here, with its public/source-1.crt:\n  install -m 0644 source-1.crt "
      << kServerFolder << "/issuers/development/source-1.crt\n  systemctl enable --now mirror-server\n"
      << "On the source's machine, before mirror-agent is started:\n"
      << "  # 'systemctl edit mirror-agent': [Service] ReadWritePaths=FOLDER of the source\n"
      << kDeployingPage << " continues from there.\n";
}

}  // namespace

void InitSystem(const InitOptions& options, const std::string& root, Console& console) {
  const bool is_system = root.empty() || std::filesystem::path(root).lexically_normal() == "/";
  SystemInit init(options, is_system ? "" : root);
  if (const absl::Status status = init.Run(); !status.ok()) {
    console.Fail(status);
    AsItIs(console.err) << init.to_type();
    return;
  }
  init.Print(console);
  if (!options.postgres.empty()) PrintDatabase(options, "/etc/partner-mirror/pgpass", console.out);
  PrintSourceServer(options, kAgentFolder, console.out);
  if (is_system) ReloadUnits(console);
}

}  // namespace mirror
