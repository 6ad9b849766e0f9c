#include "base/nonce.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace mirror {

std::string NewToken() { return std::move(NewTokens(1).front()); }

std::vector<std::string> NewTokens(std::size_t count) {
  // The kernel returns at most 256 bytes per call.
  constexpr std::size_t kBytes = 16, kTogether = 256 / kBytes;
  std::vector<std::string> tokens;
  tokens.reserve(count);
  std::array<char, kBytes * kTogether> bytes{};
  while (tokens.size() < count) {
    const std::size_t now = std::min(kTogether, count - tokens.size());
    // It fails only if the kernel lacks the call. A nonce that can be guessed would be worse than a process
    // that ends.
    if (getentropy(bytes.data(), now * kBytes) != 0) std::abort();
    for (std::size_t i = 0; i < now; ++i)
      tokens.push_back(absl::BytesToHexString({bytes.data() + i * kBytes, kBytes}));
  }
  return tokens;
}

bool IsSameSecret(std::string_view one, std::string_view other) {
  if (one.size() != other.size()) return false;
  volatile unsigned char differs = 0;
  for (std::size_t i = 0; i < one.size(); ++i)
    differs = static_cast<unsigned char>(
        differs | (static_cast<unsigned char>(one[i]) ^ static_cast<unsigned char>(other[i])));
  return differs == 0;
}

std::string NewNonce() { return absl::AsciiStrToUpper(NewToken()); }

}  // namespace mirror
