#include "server/http/page_values.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"

namespace mirror {
namespace {

constexpr char kTokenMark = '~';
/// Bytes: below this a page grows by doubling.
constexpr std::size_t kDoubledBytesMax = 1 << 20;

/// Returns the size of the text in a query.
std::size_t SentBytes(std::string_view text) {
  std::size_t bytes = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain =
        absl::ascii_isalnum(byte) || std::string_view("-._~").find(c) != std::string_view::npos;
    bytes += is_plain ? 1 : 3;
  }
  return bytes;
}

}  // namespace

std::string PageToken(std::string key) {
  const bool is_sent = IsText(key) && std::none_of(key.begin(), key.end(), [](char c) {
                         return absl::ascii_iscntrl(static_cast<unsigned char>(c));
                       });
  // Many clients treat an empty token as none.
  if (is_sent && !key.empty() && !key.starts_with(kTokenMark) && SentBytes(key) <= kPageTokenBytesMax)
    return key;
  return absl::StrCat(std::string(1, kTokenMark), absl::WebSafeBase64Escape(key));
}

absl::StatusOr<std::string> KeyOfToken(std::string token) {
  if (!token.starts_with(kTokenMark)) return token;
  std::string key;
  if (absl::WebSafeBase64Unescape(token.substr(1), &key)) return key;
  return absl::InvalidArgumentError(
      "'startAfter' is not the 'nextStartAfter' of a page. Nothing was read. Send that value unchanged.");
}

bool PageValues::Add(std::string_view value, std::string_view key) {
  // Two bytes more: a comma, and the bracket at the end.
  const bool has_room = count_ == 0 || json_.size() + value.size() + 2 <= kValuesBytesMax;
  if (is_over_ || count_ == limit_ || !has_room) {
    End();
    return false;
  }
  // With doubling, the text would take up to three times the limit of a page.
  const std::size_t wanted = json_.size() + value.size() + 2;
  if (wanted > json_.capacity() && wanted > kDoubledBytesMax)
    json_.reserve(std::max(wanted, kValuesBytesMax));
  if (count_++ > 0) json_.push_back(',');
  json_.append(value);
  if (key.size() <= kPageTokenBytesMax) {
    last_ = key;
    last_count_ = count_;
    last_bytes_ = json_.size();
  }
  return true;
}

void PageValues::End() {
  if (std::exchange(is_over_, true) || last_count_ == 0) return;
  json_.resize(last_bytes_);
  count_ = last_count_;
  next_ = last_;
}

std::string PageValues::Take() {
  json_.push_back(']');
  return std::move(json_);
}

}  // namespace mirror
