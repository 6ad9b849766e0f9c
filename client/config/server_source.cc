#include "client/config/server_source.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"

namespace mirror {
namespace {

constexpr std::size_t kSlotNameMax = 63, kSlotHashDigits = 8;
constexpr std::size_t kServerIdDigits = 8;
constexpr std::uint32_t kServerIdFirst = 1U << 31;

}  // namespace

std::string SlotName(const std::string& context_id) {
  const std::string lower = absl::AsciiStrToLower(context_id);
  std::string name = absl::StrCat("_mirror_", lower);
  std::replace_if(
      name.begin(), name.end(),
      [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return !absl::ascii_islower(byte) && !absl::ascii_isdigit(byte) && c != '_';
      },
      '_');
  if (name == absl::StrCat("_mirror_", lower) && name.size() <= kSlotNameMax) return name;
  name.resize(std::min(name.size(), kSlotNameMax - 1 - kSlotHashDigits));
  return absl::StrCat(name, "_", HexDigest(lower).substr(0, kSlotHashDigits));
}

std::uint32_t DefaultServerId(const std::string& context_id) {
  const std::string digits = HexDigest(absl::AsciiStrToLower(context_id)).substr(0, kServerIdDigits);
  return static_cast<std::uint32_t>(std::stoul(digits, nullptr, 16)) | kServerIdFirst;
}

}  // namespace mirror
