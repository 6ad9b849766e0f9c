#include "server/storages/storage_ids.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"

namespace mirror {
namespace {

bool IsWordCharacter(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

}  // namespace

bool IsStorageId(std::string_view id) {
  if (id.empty() || id.size() > kStorageIdMax || id.front() == '-' || id.back() == '-') return false;
  if (id.find("--") != std::string_view::npos) return false;
  return std::all_of(id.begin(), id.end(), [](char c) { return c == '-' || IsWordCharacter(c); });
}

absl::Status CheckStorageId(std::string_view id, std::string_view what) {
  if (IsStorageId(id)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the id of ", std::string(what), " is 1 to ", kStorageIdMax,
                   " letters, digits and '_', with single '-' between them. Nothing was done."));
}

absl::Status CheckStorageName(std::string_view name, std::string_view what) {
  const auto characters = static_cast<std::size_t>(std::count_if(
      name.begin(), name.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
  const bool has_control = std::any_of(
      name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (characters >= 1 && characters <= kStorageNameMax && !has_control) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the name of ", std::string(what), " is 1 to ", kStorageNameMax,
                   " characters, none of them a control character. Nothing was done."));
}

std::string IdFromName(std::string_view name) {
  std::string id;
  for (const char c : name) {
    if ((static_cast<unsigned char>(c) & 0xC0U) == 0x80) continue;  // Continuation byte of a character.
    const bool joins = c == '-' && !id.empty() && id.back() != '-';
    id.push_back(joins || IsWordCharacter(c) ? c : '_');
    if (id.size() == kStorageIdMax) break;
  }
  if (!id.empty() && id.back() == '-') id.back() = '_';
  return id;
}

std::string TenantOfSource(std::string_view storage, std::string_view source) {
  if (FoldName(source) == kDefaultSource) return std::string(storage);
  return absl::StrCat(std::string(storage), "--", std::string(source));
}

}  // namespace mirror
