#include "server/jobs/upload_folder.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/nonce.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr std::size_t kNameDigits = 12;

bool IsName(const std::string& text) {
  return text.size() == kNameDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isxdigit(static_cast<unsigned char>(c));
         });
}

}  // namespace

absl::StatusOr<std::string> NameUploadFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), error);
  RETURN_IF_ERROR(MakeFolder(folder));
  const std::string path = absl::StrCat(folder, "/", kUploadFolderNote);
  RemoveTemporaries(path);
  const absl::StatusOr<std::string> kept = ReadKeyFile(path, FileUse::kSecret);
  if (!kept.ok() && !absl::IsNotFound(kept.status())) return kept.status();
  // What says something else is the name of no upload in here.
  if (kept.ok() && IsName(*kept)) return kept;
  std::string name = NewToken().substr(0, kNameDigits);
  RETURN_IF_ERROR(WriteFileAtomically(path, name, FileUse::kSecret, ExistingFile::kReplace));
  return name;
}

std::string NewUploadId(const std::string& folder) {
  return folder.empty() ? NewToken() : absl::StrCat(folder, "-", NewToken());
}

std::string FolderOfUpload(const std::string& id) {
  std::string name = id.substr(0, std::min(id.find('-'), id.size()));
  return name.size() < id.size() && IsName(name) ? name : "";
}

}  // namespace mirror
