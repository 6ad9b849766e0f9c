#ifndef MIRROR_TESTS_CERTS_TEST_KEYS_H_
#define MIRROR_TESTS_CERTS_TEST_KEYS_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "base/base64url.h"
#include "certs/issue.h"
#include "certs/key.h"

namespace mirror {

/// The clock of these tests, unix seconds: 2027-01-15T08:00:00Z.
inline constexpr std::int64_t kNow = 1'800'000'000;

/// An empty folder that goes with the test.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mirror-certs-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  /// The path of a name in it.
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string ReadText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline void WriteText(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline unsigned ModeOf(const std::string& path) {
  return static_cast<unsigned>(std::filesystem::status(path).permissions());
}

inline IssueOptions At(std::int64_t now_s, int days = 30) {
  IssueOptions options;
  options.now_s = now_s;
  options.days = days;
  return options;
}

/// A new signing key `key_id`: private in `dir`/<key_id>.key, public in `folder`/<key_id>.crt.
inline SigningKey MakeKey(const TempDir& dir, const std::string& folder, const std::string& key_id,
                          Algorithm algorithm = Algorithm::kEs256, const IssueOptions& options = At(kNow)) {
  std::filesystem::create_directories(folder);
  const PairFiles files = {folder + "/" + key_id + ".crt", dir / (key_id + ".key")};
  const absl::Status issued = IssueSigningKey(files, key_id, algorithm, options);
  EXPECT_TRUE(issued.ok()) << issued;
  absl::StatusOr<SigningKey> key = SigningKey::Load(files.key, key_id);
  EXPECT_TRUE(key.ok()) << key.status();
  return *std::move(key);
}

/// A token with exactly this header and payload, whatever they are, and a good signature.
inline std::string SignRaw(const SigningKey& key, std::string_view header, std::string_view payload) {
  const std::string text = EncodeBase64Url(header) + "." + EncodeBase64Url(payload);
  return text + "." + EncodeBase64Url(key.Sign(text).value());
}

}  // namespace mirror

#endif  // MIRROR_TESTS_CERTS_TEST_KEYS_H_
