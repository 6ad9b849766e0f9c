#include "certs/key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <memory>
#include <random>

#include "base/base64url.h"
#include "base/file.h"
#include "certs/issue.h"
#include "certs/openssl.h"
#include "tests/certs/test_keys.h"
#include "tests/support/status_matchers.h"

namespace mirror::key_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Writes a private key (mode 0600) and, with `public_path`, its public half as PEM.
void WriteKey(EVP_PKEY* key, const std::string& path, const char* passphrase = nullptr,
              const std::string& public_path = "") {
  ASSERT_NE(key, nullptr);
  BioPtr bio(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, passphrase == nullptr ? nullptr : EVP_aes_128_cbc(),
                                          passphrase, passphrase == nullptr ? 0 : 6, nullptr, nullptr),
            1);
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  ASSERT_THAT(WriteFileAtomically(path, {data, static_cast<std::size_t>(size)}, FileUse::kSecret,
                                  ExistingFile::kRefuse),
              IsOk());
  if (public_path.empty()) return;
  bio.reset(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_PUBKEY(bio.get(), key), 1);
  size = BIO_get_mem_data(bio.get(), &data);
  WriteText(public_path, {data, static_cast<std::size_t>(size)});
}

TEST(SigningKeyTest, AKeyThatOthersMayReadIsRefusedAndLeftAsItIs) {
  const TempDir dir;
  MakeKey(dir, dir / "pub", "k-1");
  const std::string path = dir / "k-1.key";
  EXPECT_EQ(ModeOf(path), 0600u);
  for (const mode_t mode : {0644u, 0640u, 0604u, 0620u, 0601u, 0777u}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    EXPECT_THAT(SigningKey::Load(path, "k-1"), StatusIs(absl::StatusCode::kPermissionDenied,
                                                        AllOf(HasSubstr(path), HasSubstr("chmod 600"))));
    EXPECT_EQ(ModeOf(path), mode);
  }
  for (const mode_t mode : {0600u, 0400u}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    EXPECT_THAT(SigningKey::Load(path, "k-1"), IsOk());
  }
}

TEST(SigningKeyTest, ItsPublicHalfIsToldApartWithoutTheSecret) {
  const TempDir dir;
  MakeKey(dir, dir / "pub", "k-1");
  MakeKey(dir, dir / "pub", "k-2");
  const absl::StatusOr<SigningKey> one = SigningKey::Load(dir / "k-1.key", "k-1");
  const absl::StatusOr<SigningKey> same = SigningKey::Load(dir / "k-1.key", "k-9");
  const absl::StatusOr<SigningKey> other = SigningKey::Load(dir / "k-2.key", "k-2");
  ASSERT_TRUE(one.ok() && same.ok() && other.ok());
  EXPECT_EQ(one->PublicThumbprint().size(), 64U);
  EXPECT_EQ(one->PublicThumbprint(), same->PublicThumbprint());
  EXPECT_NE(one->PublicThumbprint(), other->PublicThumbprint());
}

TEST(SigningKeyTest, Rsa1024IsRefusedAsPrivateAndAsPublicKey) {
  const TempDir dir;
  const PkeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024}));
  WriteKey(key.get(), dir / "small.key", nullptr, dir / "small.pem");
  EXPECT_THAT(SigningKey::Load(dir / "small.key", "k-1"),
              StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("1024 bits"), HasSubstr("2048"))));
  EXPECT_THAT(PublicKey::Load(dir / "small.pem"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1024 bits")));
}

TEST(SigningKeyTest, OtherCurvesAndKindsAreRefused) {
  const TempDir dir;
  const PkeyPtr p384(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"));
  const PkeyPtr ed25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  WriteKey(p384.get(), dir / "p384.key");
  WriteKey(ed25519.get(), dir / "ed25519.key");
  EXPECT_THAT(SigningKey::Load(dir / "p384.key", "k-1"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another curve than P-256")));
  EXPECT_THAT(SigningKey::Load(dir / "ed25519.key", "k-1"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither RSA")));
}

TEST(SigningKeyTest, AKeyWithAPassPhraseIsRefusedWithoutAsking) {
  const TempDir dir;
  const PkeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  WriteKey(key.get(), dir / "locked.key", "secret");
  EXPECT_THAT(SigningKey::Load(dir / "locked.key", "k-1"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("without a pass phrase")));
}

TEST(SigningKeyTest, WhatIsNoKeyFileIsNamed) {
  const TempDir dir;
  MakeKey(dir, dir / "pub", "k-1");
  EXPECT_THAT(SigningKey::Load(dir / "none.key", "k-1"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none.key")));
  EXPECT_THAT(SigningKey::Load(dir.path(), "k-1"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a regular file")));
  ASSERT_EQ(mkfifo((dir / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(SigningKey::Load(dir / "pipe", "k-1"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a regular file")));
  ASSERT_EQ(chmod((dir / "pub/k-1.crt").c_str(), 0600), 0);
  EXPECT_THAT(SigningKey::Load(dir / "pub/k-1.crt", "k-1"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no private key")));
  EXPECT_THAT(SigningKey::Load(dir / "k-1.key", "../k"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("key id")));
}

TEST(SigningKeyTest, MatchesItsOwnCertificateOnly) {
  const TempDir dir;
  const SigningKey first = MakeKey(dir, dir / "pub", "k-1");
  const SigningKey rsa = MakeKey(dir, dir / "pub", "k-2", Algorithm::kRs256);
  EXPECT_TRUE(first.Matches(PublicKey::Load(dir / "pub/k-1.crt").value()));
  EXPECT_FALSE(first.Matches(PublicKey::Load(dir / "pub/k-2.crt").value()));
  EXPECT_TRUE(rsa.Matches(PublicKey::Load(dir / "pub/k-2.crt").value()));
}

TEST(PublicKeyTest, ABareKeyVerifiesAndHasNoValidity) {
  const TempDir dir;
  const PkeyPtr made(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  WriteKey(made.get(), dir / "k.key", nullptr, dir / "k.pem");
  const auto key = PublicKey::Load(dir / "k.pem");
  ASSERT_THAT(key, IsOk());
  EXPECT_FALSE(key->not_before().has_value());
  EXPECT_FALSE(key->not_after().has_value());
  EXPECT_THAT(key->CheckValidity(kNow), IsOk());
  const SigningKey signer = SigningKey::Load(dir / "k.key", "k").value();
  EXPECT_TRUE(key->Verify("text", signer.Sign("text").value()));
  EXPECT_FALSE(key->Verify("Text", signer.Sign("text").value()));
}

TEST(PublicKeyTest, ACertificateIsValidFromItsFirstToItsLastSecond) {
  const TempDir dir;
  MakeKey(dir, dir / "pub", "k-1", Algorithm::kEs256, At(kNow, 1));
  const auto key = PublicKey::Load(dir / "pub/k-1.crt");
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(key->not_before(), kNow - 3600);
  EXPECT_EQ(key->not_after(), kNow + 86'400);
  EXPECT_THAT(key->CheckValidity(kNow - 3600), IsOk());
  EXPECT_THAT(key->CheckValidity(kNow - 3601), Not(IsOk()));
  EXPECT_THAT(key->CheckValidity(kNow + 86'400), IsOk());
  EXPECT_THAT(key->CheckValidity(kNow + 86'401), Not(IsOk()));
}

TEST(PublicKeyTest, APrivateKeyInItsPlaceIsRefused) {
  const TempDir dir;
  MakeKey(dir, dir / "pub", "k-1");
  EXPECT_THAT(PublicKey::Load(dir / "k-1.key"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("holds a private key")));
}

TEST(KeyIdTest, ContextIdsAndKeyIdsHaveTheirShapes) {
  for (const char* good : {"a", "Cust26759", "a_b-C", "-a"}) EXPECT_TRUE(IsContextId(good)) << good;
  for (const char* bad : {"", "a.b", "a b", "a/b", "\xc3\xa5"}) EXPECT_FALSE(IsContextId(bad)) << bad;
  EXPECT_TRUE(IsContextId(std::string(64, 'a')));
  EXPECT_FALSE(IsContextId(std::string(65, 'a')));
  for (const char* good : {"a", "source-1", "2024.05", "_x"}) EXPECT_TRUE(IsKeyId(good)) << good;
  for (const char* bad : {"", ".a", "-a", "..", "a/b", "a b"}) EXPECT_FALSE(IsKeyId(bad)) << bad;
}

// --- Base64url ---------------------------------------------------------------

TEST(Base64UrlTest, DecodingUndoesEncodingForEveryLength) {
  std::mt19937 random(1);
  for (std::size_t length = 0; length < 200; ++length) {
    std::string bytes;
    for (std::size_t i = 0; i < length; ++i) bytes.push_back(static_cast<char>(random()));
    EXPECT_EQ(DecodeBase64Url(EncodeBase64Url(bytes)), bytes);
  }
  EXPECT_EQ(EncodeBase64Url("\xfb\xff\xfe"), "-__-");
}

TEST(Base64UrlTest, OnlyOneTextMeansTheSameBytes) {
  EXPECT_EQ(DecodeBase64Url("QQ"), "A");
  for (const char* bad : {"Q", "QR", "QQ=", "QQ==", "QUJ", "Q Q", "+w", "/w", "QQ\n", "QUJDR"}) {
    EXPECT_EQ(DecodeBase64Url(bad), std::nullopt) << bad;
  }
}

// --- Issuing -----------------------------------------------------------------

TEST(IssueTest, NothingThatIsThereIsOverwrittenUnlessAsked) {
  const TempDir dir;
  const PairFiles files = {dir / "k.crt", dir / "k.key"};
  ASSERT_THAT(IssueSigningKey(files, "k", Algorithm::kEs256, At(kNow)), IsOk());
  const std::string certificate = ReadText(files.certificate), key = ReadText(files.key);
  EXPECT_THAT(IssueSigningKey(files, "k", Algorithm::kEs256, At(kNow)),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("k.key")));
  std::filesystem::remove(files.key);
  EXPECT_THAT(IssueSigningKey(files, "k", Algorithm::kEs256, At(kNow)),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("k.crt")));
  EXPECT_EQ(ReadText(files.certificate), certificate);
  EXPECT_FALSE(std::filesystem::exists(files.key)) << "a key without its certificate was written";

  IssueOptions replace = At(kNow);
  replace.replace = true;
  ASSERT_THAT(IssueSigningKey(files, "k", Algorithm::kEs256, replace), IsOk());
  EXPECT_NE(ReadText(files.certificate), certificate);
  EXPECT_NE(ReadText(files.key), key);
  EXPECT_EQ(ModeOf(files.key), 0600u);
}

TEST(IssueTest, LeavesNoTemporaryFile) {
  const TempDir dir;
  const PairFiles files = {dir / "k.crt", dir / "k.key"};
  ASSERT_THAT(IssueSigningKey(files, "k", Algorithm::kEs256, At(kNow)), IsOk());
  EXPECT_THAT(WriteFileAtomically(files.key, "x", FileUse::kSecret, ExistingFile::kRefuse),
              StatusIs(absl::StatusCode::kAlreadyExists));
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path())) ++count;
  EXPECT_EQ(count, 2);
}

TEST(IssueTest, WhatFailsAtTheSecondFileLeavesNoneNew) {
  const TempDir dir;
  WriteText(dir / "taken", "old");
  const std::vector<NewFile> missing = {{dir / "a", "1", FileUse::kSecret}, {dir / "none/b", "2"}};
  EXPECT_THAT(WriteFilesAtomically(missing, ExistingFile::kRefuse),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("none/b")));
  const std::vector<NewFile> taken = {{dir / "a", "1", FileUse::kSecret}, {dir / "taken", "2"}};
  EXPECT_THAT(WriteFilesAtomically(taken, ExistingFile::kRefuse),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("taken")));
  EXPECT_EQ(ReadText(dir / "taken"), "old");
  const std::filesystem::directory_iterator entries(dir.path());
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST(IssueTest, WrongRequestsAreRefusedAndWriteNothing) {
  const TempDir dir;
  const PairFiles files = {dir / "x.crt", dir / "x.key"}, ca = {dir / "ca.crt", dir / "ca.key"};
  ASSERT_THAT(IssueCa(ca, "CA", At(kNow)), IsOk());
  EXPECT_THAT(IssueCa(files, std::string(65, 'a'), At(kNow)), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(IssueCa(files, "a\nb", At(kNow)), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(IssueCa(files, "CA", At(kNow, 0)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("days")));
  EXPECT_THAT(IssueSigningKey(files, "a/b", Algorithm::kEs256, At(kNow)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("key id")));
  for (const char* host : {"", "a b", "a,DNS:b", "x/y", "host:7443", ".a", "*."}) {
    EXPECT_THAT(IssueServer(files, ca, "s", {host}, At(kNow)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither a DNS name nor an IP")))
        << host;
  }
  MakeKey(dir, dir.path(), "no-ca");
  EXPECT_THAT(IssueServer(files, {dir / "no-ca.crt", dir / "no-ca.key"}, "s", {}, At(kNow)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a certificate authority")));
  EXPECT_FALSE(std::filesystem::exists(files.key));
  EXPECT_FALSE(std::filesystem::exists(files.certificate));
}

TEST(IssueTest, ACertificateDoesNotOutliveItsCa) {
  const TempDir dir;
  const PairFiles ca = {dir / "ca.crt", dir / "ca.key"};
  ASSERT_THAT(IssueCa(ca, "CA", At(kNow, 10)), IsOk());
  ASSERT_THAT(IssueServer({dir / "s.crt", dir / "s.key"}, ca, "s", {}, At(kNow, 20)), IsOk());
  const auto info = ReadCertificateInfo(dir / "s.crt");
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->not_after, kNow + 864'000);
  EXPECT_EQ(info->issuer, "CN=CA,O=Mirror");
  EXPECT_EQ(info->subject, "CN=s,O=Mirror");
  EXPECT_EQ(info->algorithm, "ES256");
}

}  // namespace
}  // namespace mirror::key_test
