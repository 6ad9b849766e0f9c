#include "certs/key_ring.h"

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

absl::Status CannotList(const IssuerFolder& folder, const std::error_code& error) {
  const std::string message =
      absl::StrCat("the key folder '", folder.folder, "' of issuer '", folder.issuer,
                   "' cannot be read: ", error.message(),
                   ". No key was loaded. Make the folder, or correct 'keys' of that [[issuer]].");
  if (error == std::errc::no_such_file_or_directory) return absl::NotFoundError(message);
  return absl::PermissionDeniedError(message);
}

// Returns the certificates of one folder: the path by key id.
absl::StatusOr<std::map<std::string, std::string>> ListFolder(const IssuerFolder& folder) {
  std::map<std::string, std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder.folder, error);
  if (error) return CannotList(folder, error);
  for (; entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (error) return CannotList(folder, error);
    const std::filesystem::path& path = entry->path();
    const std::string name = path.filename().string();
    if (name.front() == '.' || path.extension() != ".crt") continue;
    const std::string key_id = path.stem().string();
    if (!IsKeyId(key_id)) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", path.string(),
                       "' cannot be a key: its name before '.crt' is the key id, 1 to 64 of "
                       "A-Z a-z 0-9 . _ - and no dot or dash in front. Rename it."));
    }
    if (files.size() >= kKeysMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat("'", folder.folder, "' holds more than ", kKeysMax, " keys. Remove old ones."));
    }
    files.emplace(key_id, path.string());
  }
  if (error) return CannotList(folder, error);
  return files;
}

std::uint64_t NextGeneration() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

struct KeyRing::Content {
  std::map<std::string, Entry, std::less<>> entries;
  std::uint64_t generation = NextGeneration();
};

KeyRing::KeyRing() : KeyRing(std::make_shared<const Content>()) {}

KeyRing::KeyRing(std::shared_ptr<const Content> content) : content_(std::move(content)) {}

absl::StatusOr<KeyRing> KeyRing::Load(const std::vector<IssuerFolder>& folders) {
  auto content = std::make_shared<Content>();
  // The folder of each key id, for the error that names both folders.
  std::map<std::string, std::string> folder_of;
  for (const IssuerFolder& folder : folders) {
    ASSIGN_OR_RETURN(const auto files, ListFolder(folder));
    for (const auto& [key_id, path] : files) {
      const auto [other, inserted] = folder_of.emplace(key_id, folder.folder);
      if (!inserted) {
        return absl::AlreadyExistsError(absl::StrCat(
            "the key id '", key_id, "' is in two folders, '", other->second, "' and '", folder.folder,
            "', so it is unclear whose tokens it signs. No key was loaded. Issue one of the two anew under "
            "another id."));
      }
      ASSIGN_OR_RETURN(PublicKey key, PublicKey::Load(path));
      if (!key.not_after()) {
        return absl::InvalidArgumentError(
            absl::StrCat("'", path,
                         "' is a bare public key, which never expires. No key was loaded. Put an "
                         "X.509 certificate of that key there."));
      }
      if (content->entries.size() >= kKeysMax) {
        return absl::ResourceExhaustedError(absl::StrCat("all [[issuer]] folders together hold more than ",
                                                         kKeysMax, " keys. Remove old ones."));
      }
      content->entries.emplace(key_id, Entry{folder.issuer, folder.environment, key_id, std::move(key)});
    }
  }
  return KeyRing(std::move(content));
}

const KeyRing::Entry* KeyRing::Find(std::string_view key_id) const {
  const auto found = content_->entries.find(key_id);
  return found == content_->entries.end() ? nullptr : &found->second;
}

std::vector<KeyInfo> KeyRing::keys() const {
  std::vector<KeyInfo> list;
  list.reserve(content_->entries.size());
  for (const auto& [key_id, entry] : content_->entries) {
    list.push_back({entry.issuer, entry.environment, key_id, entry.key.algorithm(),
                    entry.key.not_before().value_or(0), entry.key.not_after().value_or(0),
                    entry.key.thumbprint()});
  }
  return list;
}

std::size_t KeyRing::size() const { return content_->entries.size(); }

std::uint64_t KeyRing::generation() const { return content_->generation; }

}  // namespace mirror
