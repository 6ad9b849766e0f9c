// The listener with TLS, seen by OpenSSL's own client.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/http/listener.h"
#include "tests/base/http/function_door.h"
#include "tests/support/raw_http.h"
#include "tests/support/status_matchers.h"

namespace mirror::http_tls_test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

std::atomic<bool> has_no_memory = false;

/// OpenSSL's memory, which can come to its end.
void* Allocate(std::size_t bytes, const char*, int) {
  return has_no_memory ? nullptr : std::malloc(bytes);  // NOLINT(cppcoreguidelines-no-malloc): as OpenSSL's
}
void* Reallocate(void* former, std::size_t bytes, const char*, int) {
  return has_no_memory ? nullptr : std::realloc(former, bytes);  // NOLINT(cppcoreguidelines-no-malloc)
}
void Free(void* memory, const char*, int) {
  std::free(memory);  // NOLINT(cppcoreguidelines-no-malloc)
}
/// Before OpenSSL has any.
const bool is_memory_ours = CRYPTO_set_mem_functions(Allocate, Reallocate, Free) == 1;

template <class Write>
std::string Pem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  EXPECT_EQ(write(bio.get()), 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

HttpIdentity SelfSigned(const std::string& name) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  return {Pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); }), Pem([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

struct Told {
  std::string name;  ///< Of the certificate; empty: there was no handshake.
  std::string answer;
};

Told AskByTls(std::uint16_t port, int version_max = TLS1_3_VERSION) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), version_max);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new_ssl_connect(context.get()), BIO_free_all);
  BIO_set_conn_hostname(bio.get(), absl::StrCat("127.0.0.1:", port).c_str());
  if (BIO_do_connect(bio.get()) != 1 || BIO_do_handshake(bio.get()) != 1) return {};
  SSL* ssl = nullptr;
  BIO_get_ssl(bio.get(), &ssl);
  const std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(ssl), X509_free);
  char name[100] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(shown.get()), NID_commonName, name, sizeof name);
  Told told{name, ""};
  BIO_puts(bio.get(), "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  char piece[4096];
  for (int got = 0; (got = BIO_read(bio.get(), piece, sizeof piece)) > 0;)
    told.answer.append(piece, static_cast<std::size_t>(got));
  return told;
}

class HttpTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = HttpListener::Open("127.0.0.1", 0, door_, {}, SelfSigned("first"));
    ASSERT_THAT(opened, IsOk());
    listener_ = *std::move(opened);
  }
  const std::shared_ptr<FunctionDoor> door_ = std::make_shared<FunctionDoor>([](const HttpHead& head) {
    return HttpAnswer{200, "text/plain", "it is " + head.path};
  });
  std::unique_ptr<HttpListener> listener_;
};

TEST_F(HttpTlsTest, AnswersByTlsAlone) {
  EXPECT_THAT(AskByTls(listener_->port()).answer, EndsWith("\r\n\r\nit is /a"));
  EXPECT_THAT(AskByTls(listener_->port(), TLS1_2_VERSION).answer, EndsWith("\r\n\r\nit is /a"));
  EXPECT_EQ(AskByTls(listener_->port(), TLS1_1_VERSION).name, "") << "too old";
  EXPECT_THAT(HttpGet(listener_->port(), "/a"), Not(HasSubstr("it is")));
}

TEST_F(HttpTlsTest, AConnectionThatOpensslHasNoMemoryForIsThatOnesEnd) {
  if (!is_memory_ours) GTEST_SKIP() << "OpenSSL had memory before";
  EXPECT_EQ(AskByTls(listener_->port()).name, "first");
  has_no_memory = true;
  {
    const RawHttp refused(listener_->port());
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (listener_->connections().let_go == 0 && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
  }
  has_no_memory = false;
  EXPECT_GE(listener_->connections().let_go, 1U);
  EXPECT_EQ(AskByTls(listener_->port()).name, "first");
}

TEST_F(HttpTlsTest, AnotherIdentityIsShownFromThenOn) {
  EXPECT_EQ(AskByTls(listener_->port()).name, "first");
  EXPECT_THAT(listener_->SetIdentity(SelfSigned("second")), IsOk());
  EXPECT_EQ(AskByTls(listener_->port()).name, "second");
  const HttpIdentity mixed = {SelfSigned("third").certificate_chain, SelfSigned("fourth").private_key};
  EXPECT_THAT(listener_->SetIdentity(mixed),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not belong to the certificate")));
  EXPECT_EQ(AskByTls(listener_->port()).name, "second");
}

TEST_F(HttpTlsTest, WhatIsNoIdentityIsRefused) {
  EXPECT_THAT(HttpListener::Open("127.0.0.1", 0, door_, {}, HttpIdentity{"no certificate", "no key"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("certificate")));
  auto plain = HttpListener::Open("127.0.0.1", 0, door_);
  ASSERT_THAT(plain, IsOk());
  EXPECT_THAT((*plain)->SetIdentity(SelfSigned("first")), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(HttpTlsTest, WhoBeginsNoHandshakeMakesRoom) {
  std::vector<std::unique_ptr<RawHttp>> silent;
  for (std::size_t i = 0; i < 2 * HttpLimits().connections_max; ++i)
    silent.push_back(std::make_unique<RawHttp>(listener_->port()));
  EXPECT_THAT(AskByTls(listener_->port()).answer, HasSubstr("it is /a"));
}

}  // namespace
}  // namespace mirror::http_tls_test
