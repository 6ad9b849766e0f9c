#include "certs/key_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/nonce.h"
#include "certs/token.h"
#include "certs/token_cache.h"
#include "tests/certs/test_keys.h"
#include "tests/support/status_matchers.h"

namespace mirror::key_ring_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsNull;
using ::testing::Not;

TokenRules Rules() {
  TokenRules rules;
  rules.audience = "mirror-app";
  rules.algorithms = {Algorithm::kEs256};
  return rules;
}

std::string TokenOf(const SigningKey& key, std::int64_t now_s = kNow) {
  const Claims claims = {"Source", "mirror-app", "Cust1", NewNonce(), now_s - 120, now_s + 300};
  return SignToken(key, TokenUse::kCall, claims, Rules().context_claim).value();
}

class KeyRingTest : public testing::Test {
 protected:
  absl::StatusOr<KeyRing> Load() {
    return KeyRing::Load(
        {{"Source", "development", dir_ / "development"}, {"Source", "production", dir_ / "production"}});
  }
  void SetUp() override {
    std::filesystem::create_directories(dir_ / "development");
    std::filesystem::create_directories(dir_ / "production");
  }
  TempDir dir_;
};

TEST_F(KeyRingTest, EmptyFoldersMakeARingThatBelievesNobody) {
  const auto ring = Load();
  ASSERT_THAT(ring, IsOk());
  EXPECT_EQ(ring->size(), 0u);
  EXPECT_THAT(ring->Find("source-1"), IsNull());
  EXPECT_EQ(KeyRing().size(), 0u);
}

TEST_F(KeyRingTest, ListsEveryKeyWithItsIssuerAndEnvironment) {
  MakeKey(dir_, dir_ / "production", "p-1");
  MakeKey(dir_, dir_ / "development", "d-1", Algorithm::kRs256, At(kNow, 10));
  const auto ring = Load();
  ASSERT_THAT(ring, IsOk());
  EXPECT_THAT(
      ring->keys(),
      ElementsAre(AllOf(Field(&KeyInfo::key_id, "d-1"), Field(&KeyInfo::environment, "development"),
                        Field(&KeyInfo::issuer, "Source"), Field(&KeyInfo::algorithm, Algorithm::kRs256),
                        Field(&KeyInfo::not_before, kNow - 3600), Field(&KeyInfo::not_after, kNow + 864'000)),
                  AllOf(Field(&KeyInfo::key_id, "p-1"), Field(&KeyInfo::environment, "production"),
                        Field(&KeyInfo::algorithm, Algorithm::kEs256))));
  EXPECT_EQ(ring->keys()[0].thumbprint.size(), 64u);
  EXPECT_NE(ring->keys()[0].thumbprint, ring->keys()[1].thumbprint);
}

TEST_F(KeyRingTest, AnExpiredKeyIsListed) {
  MakeKey(dir_, dir_ / "production", "old-1", Algorithm::kEs256, At(kNow - 8'640'000, 1));
  EXPECT_EQ(Load()->keys().size(), 1u);
}

TEST_F(KeyRingTest, PassesOverHiddenFilesAndOtherNames) {
  MakeKey(dir_, dir_ / "production", "p-1");
  WriteText(dir_ / "production/README.md", "not a key");
  WriteText(dir_ / "production/.half-written.crt", "not a key");
  EXPECT_EQ(Load()->size(), 1u);
}

TEST_F(KeyRingTest, AKeyIdInTwoFoldersIsAnErrorThatNamesBoth) {
  MakeKey(dir_, dir_ / "development", "source-1");
  std::filesystem::copy(dir_ / "development/source-1.crt", dir_ / "production/source-1.crt");
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kAlreadyExists,
                               AllOf(HasSubstr("'source-1'"), HasSubstr(dir_ / "development"),
                                     HasSubstr(dir_ / "production"))));
}

TEST_F(KeyRingTest, AFolderWithTooManyKeysIsRefusedBeforeOneIsRead) {
  for (std::size_t i = 0; i <= kKeysMax; ++i) {
    WriteText(dir_ / absl::StrCat("production/k", i, ".crt"), "");
  }
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kResourceExhausted,
                               AllOf(HasSubstr(dir_ / "production"), HasSubstr("more than 10000 keys"))));
  std::filesystem::remove(dir_ / "production/k0.crt");
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument)) << "now the first one is read";
}

TEST_F(KeyRingTest, AMissingFolderIsNamed) {
  EXPECT_THAT(
      KeyRing::Load({{"Source", "x", dir_ / "none"}}),
      StatusIs(absl::StatusCode::kNotFound, AllOf(HasSubstr(dir_ / "none"), HasSubstr("[[issuer]]"))));
}

struct BadFile {
  std::string test, file, content, message;
};

class BadFileTest : public KeyRingTest, public testing::WithParamInterface<BadFile> {};

TEST_P(BadFileTest, IsNamedAndNothingIsLoaded) {
  WriteText(dir_ / ("production/" + GetParam().file), GetParam().content);
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument,
                               AllOf(HasSubstr(dir_ / "production/"), HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(
    KeyRing, BadFileTest,
    testing::Values(BadFile{"Empty", "a.crt", "", "neither an X.509 certificate nor a public key"},
                    BadFile{"Garbage", "a.crt", "\x01\x02", "neither an X.509 certificate nor a public key"},
                    BadFile{"CutOff", "a.crt", "-----BEGIN CERTIFICATE-----\nMIIB\n", "no X.509 certificate"},
                    BadFile{"PrivateKey", "a.crt", "-----BEGIN PRIVATE KEY-----\nMIIB\n",
                            "holds a private key"},
                    BadFile{"Name", "a b.crt", "", "Rename it"},
                    BadFile{"Huge", "a.crt", std::string(300'000, 'x'), "larger than"}),
    [](const auto& test) { return test.param.test; });

TEST_F(KeyRingTest, ABarePublicKeyIsRefusedBecauseItNeverExpires) {
  WriteText(dir_ / "production/bare.crt",
            "-----BEGIN PUBLIC KEY-----\n"
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
            "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n"
            "-----END PUBLIC KEY-----\n");
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("never expires")));
}

TEST_F(KeyRingTest, AFolderUnderAKeysNameIsRefused) {
  std::filesystem::create_directory(dir_ / "production/a.crt");
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a regular file")));
}

TEST_F(KeyRingTest, AnUnreadableFileIsNamed) {
  // A link to itself: not even root can read it.
  std::filesystem::create_symlink("p-1.crt", dir_ / "production/p-1.crt");
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("p-1.crt")));
  std::filesystem::remove(dir_ / "production/p-1.crt");
  std::filesystem::create_symlink("gone", dir_ / "production/p-2.crt");
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("p-2.crt")));
}

TEST_F(KeyRingTest, RolloverTakesTwoKeysAndThenOnlyTheNewOne) {
  const SigningKey old_key = MakeKey(dir_, dir_ / "production", "source-1");
  const SigningKey new_key = MakeKey(dir_, dir_ / "production", "source-2");
  const auto both = Load();
  ASSERT_THAT(both, IsOk());
  const std::string old_token = TokenOf(old_key), new_token = TokenOf(new_key);
  EXPECT_THAT(VerifyToken(old_token, TokenUse::kCall, *both, Rules(), kNow), IsOk());
  EXPECT_THAT(VerifyToken(new_token, TokenUse::kCall, *both, Rules(), kNow), IsOk());

  std::filesystem::remove(dir_ / "production/source-1.crt");
  const auto one = Load();
  ASSERT_THAT(one, IsOk());
  EXPECT_THAT(VerifyToken(old_token, TokenUse::kCall, *one, Rules(), kNow),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("not known here, or was removed")));
  EXPECT_THAT(VerifyToken(new_token, TokenUse::kCall, *one, Rules(), kNow), IsOk());
  EXPECT_THAT(VerifyToken(old_token, TokenUse::kCall, *both, Rules(), kNow), IsOk())
      << "a ring is a value: what happens to the folder does not reach it";
}

// --- The cache ---------------------------------------------------------------

class TokenCacheTest : public KeyRingTest {
 protected:
  void SetUp() override {
    KeyRingTest::SetUp();
    key_.emplace(MakeKey(dir_, dir_ / "production", "source-1"));
    ring_ = Load().value();
  }
  absl::StatusOr<VerifiedToken> Verify(TokenCache& cache, const std::string& token,
                                       std::int64_t now_s = kNow) {
    return cache.Verify(token, TokenUse::kCall, ring_, Rules(), now_s);
  }
  std::optional<SigningKey> key_;
  KeyRing ring_;
};

TEST_F(TokenCacheTest, AHitGivesWhatVerifyingGave) {
  TokenCache cache;
  const std::string token = TokenOf(*key_);
  const auto first = Verify(cache, token), second = Verify(cache, token);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->claims.nonce, first->claims.nonce);
  EXPECT_EQ(second->environment, "production");
  EXPECT_EQ(cache.counts().hits, 1u);
  EXPECT_EQ(cache.counts().misses, 1u);
}

TEST_F(TokenCacheTest, NeverHoldsMoreThanItsLimitAndDropsTheLeastRecentlyUsed) {
  TokenCache cache(3);
  const std::string first = TokenOf(*key_), second = TokenOf(*key_);
  ASSERT_THAT(Verify(cache, first), IsOk());
  ASSERT_THAT(Verify(cache, second), IsOk());
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(Verify(cache, TokenOf(*key_)), IsOk());
    ASSERT_THAT(Verify(cache, first), IsOk());
    EXPECT_LE(cache.counts().size, 3u);
  }
  EXPECT_EQ(cache.counts().hits, 20u) << "the token in use stayed";
  ASSERT_THAT(Verify(cache, second), IsOk());
  EXPECT_EQ(cache.counts().hits, 20u) << "the other one was dropped, and verified anew";
}

TEST_F(TokenCacheTest, TimesAreComparedAtEveryHit) {
  TokenCache cache;
  const std::string token = TokenOf(*key_);
  ASSERT_THAT(Verify(cache, token), IsOk());
  EXPECT_THAT(Verify(cache, token, kNow + 359), IsOk());
  EXPECT_THAT(Verify(cache, token, kNow + 360),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("expired at")));
  EXPECT_EQ(cache.counts().size, 0u) << "an ended entry goes at once";
  ASSERT_THAT(Verify(cache, token), IsOk());
  EXPECT_THAT(Verify(cache, token, kNow - 181),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("valid only from")));
}

TEST_F(TokenCacheTest, AnEntryEndsWithItsKeysCertificate) {
  const SigningKey brief =
      MakeKey(dir_, dir_ / "production", "brief-1", Algorithm::kEs256, At(kNow - 86'400 + 10, 1));
  ring_ = Load().value();
  TokenCache cache;
  const std::string token = TokenOf(brief);
  ASSERT_THAT(Verify(cache, token), IsOk());
  EXPECT_THAT(Verify(cache, token, kNow + 10), IsOk());
  EXPECT_THAT(Verify(cache, token, kNow + 11),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("'brief-1' is refused")));
}

TEST_F(TokenCacheTest, ATokenForOneUseIsNoHitForAnother) {
  TokenCache cache;
  const std::string token = TokenOf(*key_);
  ASSERT_THAT(Verify(cache, token), IsOk());
  EXPECT_THAT(cache.Verify(token, TokenUse::kAuthenticate, ring_, Rules(), kNow),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("'typ'")));
}

TEST_F(TokenCacheTest, RefusalsAreNotRemembered) {
  TokenCache cache;
  const std::string token = TokenOf(*key_);
  EXPECT_THAT(Verify(cache, token, kNow - 1000), Not(IsOk()));
  EXPECT_THAT(Verify(cache, std::string(1 << 20, 'x')), Not(IsOk()));
  EXPECT_EQ(cache.counts().size, 0u);
  EXPECT_THAT(Verify(cache, token), IsOk());
}

TEST_F(TokenCacheTest, ClearForgetsEverything) {
  TokenCache cache;
  const std::string token = TokenOf(*key_);
  ASSERT_THAT(Verify(cache, token), IsOk());
  cache.Clear();
  EXPECT_EQ(cache.counts().size, 0u);
  ASSERT_THAT(Verify(cache, token), IsOk());
  EXPECT_EQ(cache.counts().hits, 0u);
}

TEST_F(TokenCacheTest, ARemovedKeyIsRefusedEvenBeforeClear) {
  TokenCache cache;
  const std::string token = TokenOf(*key_);
  ASSERT_THAT(Verify(cache, token), IsOk());
  std::filesystem::remove(dir_ / "production/source-1.crt");
  ring_ = Load().value();
  EXPECT_THAT(Verify(cache, token), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("was removed")));
}

TEST_F(TokenCacheTest, ManyThreadsShareIt) {
  TokenCache cache(4);
  std::vector<std::string> tokens;
  for (int i = 0; i < 8; ++i) tokens.push_back(TokenOf(*key_));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        EXPECT_THAT(Verify(cache, tokens[static_cast<std::size_t>((i * (t + 1)) % 8)]), IsOk());
        if (i % 50 == 0) cache.Clear();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(cache.counts().size, 4u);
  EXPECT_EQ(cache.counts().hits + cache.counts().misses, 800u);
}

}  // namespace
}  // namespace mirror::key_ring_test
