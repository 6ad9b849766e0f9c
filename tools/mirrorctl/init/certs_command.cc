#include "tools/mirrorctl/init/certs_command.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_stream.h"
#include "certs/issue.h"
#include "certs/key.h"
#include "certs/key_ring.h"
#include "tools/mirrorctl/init/init.h"

namespace mirror {
namespace {

// Options of the commands that issue certificates; each command uses a part of them.
struct CertsRequest {
  std::string dir;
  std::string issuer_folder;     // Folder of the issuer, relative to `dir` or absolute.
  std::string key_id;            // Key id of a signing key.
  std::string name;              // Name in a TLS certificate and of its files.
  std::string listener = "tls";  // The folder whose CA signs: tls or admin.
  std::string algorithm = "ES256";
  std::vector<std::string> hosts;
  int days = kCertificateDays;
  bool replace = false;

  IssueOptions Options() const {
    IssueOptions options;
    options.days = days;
    options.replace = replace;
    return options;
  }
  std::string Path(const std::string& relative) const {
    return (std::filesystem::path(dir) / relative).string();
  }
  PairFiles Pair(const std::string& folder, const std::string& stem) const {
    return {Path(absl::StrCat(folder, "/", stem, ".crt")), Path(absl::StrCat(folder, "/", stem, ".key"))};
  }
};

absl::Status CheckName(const std::string& name) {
  if (IsKeyId(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "'", name,
      "' cannot be the name of a key and its files: 1 to 64 of A-Z a-z 0-9 . _ - and no dot or dash "
      "in front. Nothing was changed."));
}

void AddDir(const cli::Command& command, CertsRequest& request) {
  command.Add("--dir", request.dir, "The folder that 'mirrorctl init' made")
      .Required()
      .Completes(cli::Besides::kFolders);
}

void AddDays(const cli::Command& command, CertsRequest& request) {
  command.Add("--days", request.days, "Validity").Within(1, kCertificateDaysMax).ShowDefault();
}

void AddSigning(const cli::Command& command, CertsRequest& request, const std::string& example) {
  command.Add("--key-id", request.key_id, "Name of the new key ('kid'), e.g. " + example)
      .ValueName("NAME")
      .Required();
  command.Add("--algorithm", request.algorithm, "How the key signs").OneOf({"ES256", "RS256"}).ShowDefault();
  AddDays(command, request);
}

/// Prints the files of a pair. `next`: the next step, as text. Its indented lines are for a configuration,
/// and are to be copied unchanged.
void PrintPair(Console& console, const PairFiles& files, const std::string& next) {
  console.out << "private key  " << files.key << "\ncertificate  " << files.certificate << '\n';
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(next, '\n'))) {
    (line.starts_with(' ') ? AsItIs(console.out) : console.out) << line << '\n';
  }
}

using Run = std::function<void(const CertsRequest&, Console&)>;

// Adds a command under 'certs' that works on one CertsRequest.
cli::Command AddCommand(const cli::Command& certs, Console& console,
                        const std::shared_ptr<CertsRequest>& request, const std::string& name,
                        const std::string& help, const std::string& example, Run run) {
  const cli::Command command = certs.AddCommand(name, help);
  command.Footer(absl::StrCat("Example:\n  mirrorctl certs ", name, " ", example));
  AddDir(command, *request);
  command.Run([request, run = std::move(run), &console] { run(*request, console); });
  return command;
}

/// Returns what to do with a certificate at the endpoint. If the endpoint's folder is on this machine, the
/// certificate is already in its place.
std::string AtTheMirror(const CertsRequest& request, const PairFiles& files, bool is_here, bool new_issuer) {
  constexpr char kReload[] = "have the server re-read its keys ('mirrorctl keys --reload', or SIGHUP).";
  if (!is_here) {
    return absl::StrCat("Next, at the mirror: put ", files.certificate,
                        " into the folder that 'keys' of this source's [[issuer]] names, and ", kReload);
  }
  if (!new_issuer) {
    return absl::StrCat("Next, here: ", kReload,
                        " All keys of the folder are valid until they are removed with ",
                        "'mirrorctl certs remove-source'.");
  }
  return absl::StrCat(
      "The folder is new. Next, here: add to mirror-server.toml\n  [[issuer]]\n  name = \"...\"\n"
      "  environment = \"...\"\n  keys = ",
      TomlString(request.issuer_folder),
      "\n  contexts = [\"...\"]\nand have the server re-read it (SIGHUP).");
}

std::string AtTheSource(const CertsRequest& request, const PairFiles& files, bool is_mirror) {
  return absl::StrCat(is_mirror ? absl::StrCat("Then, at the source: bring ", files.key,
                                               " there, for the agent's user and with mode 0600, set")
                                : std::string("Then, here: set"),
                      " in [identity] of mirror-agent.toml\n  key = \"source/", request.key_id,
                      ".key\"  # or wherever it is\n  key_id = ", TomlString(request.key_id),
                      "\nand restart 'mirror-agent run', if it runs. 'mirror-agent once --dry-run' says "
                      "whether the endpoint accepts the key.");
}

void IssueSource(const CertsRequest& request, Console& console) {
  if (const absl::Status name = CheckName(request.key_id); !name.ok()) return console.Fail(name);
  const PairFiles files = {request.Path(absl::StrCat(request.issuer_folder, "/", request.key_id, ".crt")),
                           request.Path(absl::StrCat("source/", request.key_id, ".key"))};
  const std::string issuer_folder = request.Path(request.issuer_folder);
  const bool new_issuer = !std::filesystem::exists(issuer_folder);
  for (const std::string& folder : {request.Path("source"), issuer_folder}) {
    if (const absl::Status made = MakeFolder(folder); !made.ok()) return console.Fail(made);
  }
  const Algorithm algorithm = *ParseAlgorithm(request.algorithm);
  const absl::Status issued = IssueSigningKey(files, request.key_id, algorithm, request.Options());
  if (!issued.ok()) return console.Fail(issued);
  const bool is_mirror = std::filesystem::exists(request.Path("mirror-server.toml"));
  PrintPair(console, files,
            absl::StrCat(AtTheMirror(request, files, is_mirror, new_issuer), "\n",
                         AtTheSource(request, files, is_mirror)));
}

void RemoveSource(const CertsRequest& request, Console& console) {
  if (const absl::Status name = CheckName(request.key_id); !name.ok()) return console.Fail(name);
  const std::string path = request.Path(absl::StrCat(request.issuer_folder, "/", request.key_id, ".crt"));
  if (unlink(path.c_str()) != 0) {
    return console.Fail(
        absl::NotFoundError(absl::StrCat("'", path, "' cannot be removed: ", std::strerror(errno),
                                         ". Nothing was changed. Check --issuer-folder and --key-id.")));
  }
  console.out << "removed      " << path << '\n';
  const absl::StatusOr<KeyRing> left = KeyRing::Load({{"", "", request.Path(request.issuer_folder)}});
  if (left.ok() && left->size() == 0)
    console.err << "mirrorctl: " << kWarningWord << " no key is left in that folder\n";
  console.out << "Next: have the server re-read its keys (SIGHUP); until then it still accepts this one. The "
                 "private key was not touched.\n";
}

void IssueApplication(const CertsRequest& request, Console& console) {
  if (const absl::Status name = CheckName(request.key_id); !name.ok()) return console.Fail(name);
  const PairFiles files = request.Pair("application", request.key_id);
  const Algorithm algorithm = *ParseAlgorithm(request.algorithm);
  const absl::Status issued = IssueSigningKey(files, request.key_id, algorithm, request.Options());
  if (!issued.ok()) return console.Fail(issued);
  PrintPair(console, files,
            "Next: bring the certificate to every source. Then set [application] key and key_id in "
            "mirror-server.toml and have the server re-read its keys ('mirrorctl keys --reload', or SIGHUP). "
            "Then set [identity] application_certificate at every source.");
}

void IssueTls(const CertsRequest& request, Console& console) {
  if (const absl::Status name = CheckName(request.name); !name.ok()) return console.Fail(name);
  const PairFiles files = request.Pair(request.listener, request.name);
  const absl::Status issued = IssueServer(files, request.Pair(request.listener, "ca"), request.name,
                                          request.hosts, request.Options());
  if (!issued.ok()) return console.Fail(issued);
  PrintPair(console, files,
            "Next: a running server notices a replaced pair by itself; a new name has to be set in "
            "mirror-server.toml.");
}

void IssueSourceClient(const CertsRequest& request, Console& console) {
  if (const absl::Status name = CheckName(request.name); !name.ok()) return console.Fail(name);
  const PairFiles files = request.Pair("tls", request.name);
  const absl::Status issued = IssueClient(files, request.Pair("tls", "ca"), request.name, request.Options());
  if (!issued.ok()) return console.Fail(issued);
  PrintPair(console, files,
            "Next: set [endpoint] certificate and key in mirror-agent.toml, and [listen] client_ca = "
            "\"tls/ca.crt\" "
            "in mirror-server.toml.");
}

void IssueAdminClient(Role role, const CertsRequest& request, Console& console) {
  if (const absl::Status name = CheckName(request.name); !name.ok()) return console.Fail(name);
  const PairFiles files = request.Pair("admin", request.name);
  const absl::Status issued =
      IssueAdmin(files, request.Pair("admin", "ca"), request.name, role, request.Options());
  if (!issued.ok()) return console.Fail(issued);
  PrintPair(console, files,
            absl::StrCat("Role: ", std::string(RoleUri(role)),
                         ". Next: set [endpoint] certificate and key in that person's mirrorctl.toml."));
}

void Show(const std::vector<std::string>& paths, bool as_json, Console& console) {
  nlohmann::json list = nlohmann::json::array();
  const char* between = "";
  for (const std::string& path : paths) {
    const absl::StatusOr<CertificateInfo> info = ReadCertificateInfo(path);
    if (!info.ok()) {
      console.Fail(info.status());
      continue;  // The error was printed, and the other certificates are still shown.
    }
    const std::string key_id = std::filesystem::path(path).stem().string();
    const std::string from = FormatUnixTime(info->not_before), until = FormatUnixTime(info->not_after);
    if (as_json) {
      list.push_back({{"file", path},
                      {"subject", info->subject},
                      {"issuer", info->issuer},
                      {"key_id", key_id},
                      {"algorithm", info->algorithm},
                      {"not_before", from},
                      {"not_after", until},
                      {"thumbprint", info->thumbprint}});
    } else {
      console.out << std::exchange(between, "\n") << "file        " << Printable(path) << "\nsubject     "
                  << Printable(info->subject) << "\nkey_id      " << Printable(key_id) << "\nalgorithm   "
                  << info->algorithm << "\nvalid       " << from << " to " << until << "\nthumbprint  "
                  << info->thumbprint << '\n';
    }
  }
  if (!as_json) return;
  // In a path that is not UTF-8, invalid bytes are shown as replacement characters.
  AsItIs(console.out) << list.dump(2, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace)
                      << '\n';
}

void AddSigningKeys(const cli::Command& certs, Console& console,
                    const std::shared_ptr<CertsRequest>& request) {
  const cli::Command issue_source =
      AddCommand(certs, console, request, "issue-source", "Make another signing key of a source",
                 "--dir dev --issuer-folder issuers/development --key-id source-2", IssueSource);
  AddSigning(issue_source, *request, "source-2");
  issue_source
      .Add("--issuer-folder", request->issuer_folder,
           "Folder of [[issuer]] keys, relative to --dir; made if it does not exist")
      .ValueName("FOLDER")
      .Required();
  issue_source.Footer(
      "A new issuer or environment: name a new --issuer-folder, then add an [[issuer]] with name, "
      "environment, keys (that folder) and contexts to mirror-server.toml. Examples:\n"
      "  mirrorctl certs issue-source --dir dev --issuer-folder issuers/development --key-id source-2\n"
      "  mirrorctl certs issue-source --dir dev --issuer-folder issuers/production --key-id prod-1");

  const cli::Command remove_source = AddCommand(
      certs, console, request, "remove-source", "Remove a source's certificate: its tokens are then refused",
      "--dir dev --issuer-folder issuers/development --key-id source-1", RemoveSource);
  remove_source.Add("--key-id", request->key_id, "Name of the key ('kid')").ValueName("NAME").Required();
  remove_source.Add("--issuer-folder", request->issuer_folder, "Folder of [[issuer]] keys, relative to --dir")
      .ValueName("FOLDER")
      .Required();

  const cli::Command issue_application =
      AddCommand(certs, console, request, "issue-application", "Make another signing key of the endpoint",
                 "--dir dev --key-id application-2", IssueApplication);
  AddSigning(issue_application, *request, "application-2");
}

void AddTlsPairs(const cli::Command& certs, Console& console, const std::shared_ptr<CertsRequest>& request) {
  const cli::Command issue_tls =
      AddCommand(certs, console, request, "issue-tls", "Make a port's TLS pair, signed by the CA beside it",
                 "--dir dev --name server --host mirror.example.org --replace", IssueTls);
  issue_tls.Add("--name", request->name, "Name of the files, e.g. server").ValueName("NAME").Required();
  issue_tls.Add("--listener", request->listener, "The port that uses the pair; tls: the port for sources")
      .OneOf({"tls", "admin"})
      .ShowDefault();
  issue_tls.Add("--host", request->hosts, "DNS name or IP address besides localhost and 127.0.0.1")
      .ValueName("NAME...");
  issue_tls.AddFlag("--replace", request->replace, "Replace files of that name");
  AddDays(issue_tls, *request);

  const cli::Command issue_client =
      AddCommand(certs, console, request, "issue-client", "Make a source's pair for mutual TLS",
                 "--dir dev --name agent-1", IssueSourceClient);
  issue_client.Add("--name", request->name, "Name of the files, e.g. agent-1").ValueName("NAME").Required();
  AddDays(issue_client, *request);

  for (const Role role : {Role::kOperator, Role::kViewer}) {
    const bool may_change = role == Role::kOperator;
    const cli::Command issue_admin =
        AddCommand(certs, console, request, may_change ? "issue-operator" : "issue-viewer",
                   may_change ? "Make a client certificate that may do everything"
                              : "Make a client certificate that may only read",
                   "--dir dev --name alice",
                   [role](const CertsRequest& asked, Console& to) { IssueAdminClient(role, asked, to); });
    issue_admin.Add("--name", request->name, "Name of the person, and of the files")
        .ValueName("NAME")
        .Required();
    AddDays(issue_admin, *request);
  }
}

void AddShow(const cli::Command& certs, Console& console) {
  const cli::Command show =
      certs.AddCommand("show", "Show the owner of a certificate and how long it is valid");
  show.Footer("Example:\n  mirrorctl certs show --json dev/tls/server.crt dev/application/application-1.crt");
  const auto paths = std::make_shared<std::vector<std::string>>();
  const auto as_json = std::make_shared<bool>(false);
  show.Add("file", *paths, "Certificates, PEM").Required().Completes(cli::Besides::kFiles);
  show.AddFlag("--json", *as_json, "Print an array of objects");
  show.Run([paths, as_json, &console] { Show(*paths, *as_json, console); });
}

}  // namespace

void AddCerts(const cli::Command& app, Console& console) {
  const cli::Command certs = app.AddCommand("certs", "Issue, exchange and show single keys and certificates");
  certs.RequireCommand();
  certs.Footer("Example:\n  mirrorctl certs show dev/issuers/development/source-1.crt");
  const auto request = std::make_shared<CertsRequest>();
  AddSigningKeys(certs, console, request);
  AddTlsPairs(certs, console, request);
  AddShow(certs, console);
}

}  // namespace mirror
