#include "certs/api_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/enum_words.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/name_pattern.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "base/text/config_file.h"
#include "certs/openssl.h"

namespace mirror {
namespace {

constexpr char kEnding[] = ".toml";

std::string HashOf(std::string_view key) { return absl::BytesToHexString(Sha256(key)); }

bool IsPattern(const std::string& text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '*';
  });
}

absl::Status CheckStorages(const std::vector<std::string>& storages) {
  if (storages.empty()) return absl::InvalidArgumentError("a key needs at least one pattern of storages");
  for (const std::string& storage : storages) {
    if (IsPattern(storage)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "'", storage, "' is not a pattern of storages: 1 to 64 letters, digits, '_', '-' and '*'"));
  }
  return absl::OkStatus();
}

std::string PathOf(const std::string& folder, const std::string& name) {
  return absl::StrCat(folder, "/", name, kEnding);
}

/// Owner for files that root makes here.
struct Owner {
  uid_t user = 0;
  gid_t group = 0;
};

/// Returns the owner for new files. Absent: this process cannot change owners, or the file belongs to root.
absl::StatusOr<std::optional<Owner>> OwnerOf(const std::string& file) {
  if (file.empty() || geteuid() != 0) return std::optional<Owner>();
  struct stat status = {};
  if (stat(file.c_str(), &status) != 0)
    return absl::UnavailableError(absl::StrCat("looking at '", file, "': ", std::strerror(errno)));
  return status.st_uid == 0 ? std::optional<Owner>() : std::optional(Owner{status.st_uid, status.st_gid});
}

/// Changes the owner of a file or folder. It never changes the target of a link, or a file with several
/// names: the folder's owner could have put these there to get a file of root. A folder that users other than
/// root can read stays unchanged.
absl::Status Give(const std::string& path, const Owner& owner) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat status = {};
  const bool is_seen = descriptor >= 0 && fstat(descriptor, &status) == 0;
  const bool is_roots = is_seen && status.st_uid == 0 && (status.st_mode & 077U) == 0 &&
                        (S_ISDIR(status.st_mode) || (S_ISREG(status.st_mode) && status.st_nlink == 1));
  const bool given = is_seen && (!is_roots || fchown(descriptor, owner.user, owner.group) == 0);
  const int reason = errno;
  if (descriptor >= 0) close(descriptor);
  if (given) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("giving '", path, "' to user ", owner.user, ": ", std::strerror(reason)));
}

/// Returns the present day, such as "2024-05-01".
std::string Today() { return FormatUnixTime(std::time(nullptr)).substr(0, 10); }

/// Returns file names, sorted. Errors: as ReadApiKeys().
absl::StatusOr<std::vector<std::string>> FindFiles(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  std::filesystem::directory_iterator files(folder, error);
  if (error == std::errc::no_such_file_or_directory) return found;
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error)) {
    std::string file = files->path().filename().string();
    if (!absl::EndsWith(file, kEnding)) continue;
    if (found.size() == kApiKeysMax)
      return absl::ResourceExhaustedError(
          absl::StrCat("'", folder, "' has more than ", kApiKeysMax, " keys"));
    found.push_back(std::move(file));
  }
  if (error) return absl::UnavailableError(absl::StrCat("reading '", folder, "': ", error.message()));
  std::sort(found.begin(), found.end());
  return found;
}

absl::StatusOr<ApiKey> ReadKey(const std::string& path, std::string name) {
  ASSIGN_OR_RETURN(const std::string text, ReadKeyFile(path, FileUse::kPublic));
  ASSIGN_OR_RETURN(const ConfigNode root, ParseToml(text, path));
  const ConfigNode* const section = root.Find("key");
  if (section == nullptr) return absl::InvalidArgumentError(absl::StrCat(path, ": there is no [key]"));
  ApiKey key;
  key.name = std::move(name);
  RETURN_IF_ERROR(ConfigTable(path, *section, "[key]")
                      .Read({{"role", SetOneOf(&key.role, ApiRoleWords())},
                             {"storages", SetTexts(&key.storages, ListRule::kSome)},
                             {"sha256", SetText(&key.sha256), &key.sha256},
                             {"issued", SetText(&key.issued)}}));
  if (absl::Status checked = CheckStorages(key.storages); !checked.ok())
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", std::string(checked.message())));
  if (key.sha256.size() != 64 || !std::all_of(key.sha256.begin(), key.sha256.end(), [](char c) {
        return absl::ascii_isxdigit(static_cast<unsigned char>(c));
      })) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": 'sha256' is not 64 hexadecimal digits"));
  }
  key.sha256 = absl::AsciiStrToLower(key.sha256);
  return key;
}

}  // namespace

const EnumWords<ApiRole>& ApiRoleWords() {
  static const EnumWords<ApiRole> words = {
      {"reader", ApiRole::kReader}, {"writer", ApiRole::kWriter}, {"owner", ApiRole::kOwner}};
  return words;
}

std::string ToString(ApiRole role) { return WordOf(ApiRoleWords(), role); }

bool ApiKey::IsFor(std::string_view storage) const {
  return std::any_of(storages.begin(), storages.end(),
                     [&](const std::string& pattern) { return MatchesPattern(storage, pattern); });
}

absl::Status CheckApiKeyName(std::string_view name) {
  const bool good = !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  });
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a key cannot be called '", std::string(name),
                                                 "': a name is 1 to 64 letters, digits, '_' and '-'"));
}

absl::StatusOr<std::string> IssueApiKey(const std::string& folder, const ApiKey& key, const std::string& as) {
  RETURN_IF_ERROR(CheckApiKeyName(key.name));
  RETURN_IF_ERROR(CheckStorages(key.storages));
  ASSIGN_OR_RETURN(const std::optional<Owner> owner, OwnerOf(as));
  absl::Status made = MakeFolder(folder);
  if (made.ok() && owner) made = Give(folder, *owner);
  if (!made.ok()) return made;
  // 256 bits, with a prefix that scanners for leaked secrets recognise.
  const std::string text = absl::StrCat("mk_", NewToken(), NewToken());
  const std::string content =
      absl::StrCat("# A key of the HTTP door. Removing this file revokes the key.\n[key]\nrole = \"",
                   ToString(key.role), "\"\nstorages = [\"", absl::StrJoin(key.storages, "\", \""),
                   "\"]\nsha256 = \"", HashOf(text), "\"\nissued = \"", Today(), "\"\n");
  const std::string path = PathOf(folder, key.name);
  RETURN_IF_ERROR(WriteFileAtomically(path, content, FileUse::kSecret, ExistingFile::kRefuse));
  if (owner) {
    if (absl::Status given = Give(path, *owner); !given.ok()) {
      unlink(path.c_str());
      return given;
    }
  }
  return text;
}

absl::Status RevokeApiKey(const std::string& folder, const std::string& name) {
  RETURN_IF_ERROR(CheckApiKeyName(name));
  const std::string path = PathOf(folder, name);
  if (unlink(path.c_str()) == 0) return absl::OkStatus();
  if (errno == ENOENT)
    return absl::NotFoundError(absl::StrCat("there is no key '", name, "' in '", folder, "'"));
  return absl::UnavailableError(absl::StrCat("removing '", path, "': ", std::strerror(errno)));
}

absl::StatusOr<FoundApiKeys> ReadApiKeys(const std::string& folder) {
  ASSIGN_OR_RETURN(const std::vector<std::string> files, FindFiles(folder));
  FoundApiKeys found;
  for (const std::string& file : files) {
    std::string name = file.substr(0, file.size() - std::strlen(kEnding));
    const std::string path = absl::StrCat(folder, "/", file);
    const absl::Status named = CheckApiKeyName(name);
    absl::StatusOr<ApiKey> key =
        named.ok() ? ReadKey(path, std::move(name))
                   : absl::InvalidArgumentError(absl::StrCat(path, ": ", std::string(named.message())));
    if (key.ok()) {
      found.keys.push_back(*std::move(key));
    } else {
      found.left_out.push_back(
          absl::StrCat("this file is not a key of the HTTP door: ", std::string(key.status().message())));
    }
  }
  std::sort(found.keys.begin(), found.keys.end(),
            [](const ApiKey& a, const ApiKey& b) { return a.name < b.name; });
  return found;
}

absl::StatusOr<std::string> ApiKeysMark(const std::string& folder) {
  ASSIGN_OR_RETURN(const std::vector<std::string> files, FindFiles(folder));
  std::string mark;
  for (const std::string& file : files) {
    struct stat status = {};
    // A file that was removed meanwhile counts as empty.
    if (stat(absl::StrCat(folder, "/", file).c_str(), &status) != 0) status = {};
    // ctime is used, because a program can set mtime to any value.
    absl::StrAppend(&mark, file, "\n", status.st_ino, " ", status.st_size, " ", status.st_ctim.tv_sec, ".",
                    status.st_ctim.tv_nsec, "\n");
  }
  return mark;
}

const ApiKey* FindApiKey(const std::vector<ApiKey>& keys, std::string_view sent) {
  const std::string hash = HashOf(sent);
  const ApiKey* found = nullptr;
  for (const ApiKey& key : keys) {
    if (IsSameSecret(key.sha256, hash)) found = &key;
  }
  return found;
}

}  // namespace mirror
