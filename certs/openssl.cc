#include "certs/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

// Gives no pass phrase. Without this function OpenSSL would ask for one on the terminal.
int NoPassphrase(char*, int, int, void*) { return 0; }

}  // namespace

std::string TakeOpenSslError() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "no reason given" : reason;
}

absl::StatusOr<PkeyPtr> ParsePrivateKey(const std::string& pem, const std::string& name) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  PkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name, "' holds no private key that can be read (", TakeOpenSslError(),
                     "). Expected is a PEM file without a pass phrase, as 'mirrorctl certs' writes it."));
  }
  return key;
}

absl::StatusOr<X509Ptr> ParseCertificate(const std::string& pem, const std::string& name) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
  if (certificate == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name, "' holds no X.509 certificate that can be read (", TakeOpenSslError(),
                     "). Expected is a PEM file that begins with '-----BEGIN CERTIFICATE-----'."));
  }
  return certificate;
}

absl::StatusOr<std::vector<X509Ptr>> ParseCertificates(const std::string& pem, const std::string& name) {
  std::vector<X509Ptr> certificates;
  ASSIGN_OR_RETURN(X509Ptr first, ParseCertificate(pem, name));
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  while (X509* const certificate = PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr)) {
    certificates.emplace_back(certificate);
  }
  ERR_clear_error();  // At the end of the text OpenSSL has reported an error, too, which is removed here.
  return certificates;
}

bool IsForClients(X509* certificate) {
  return (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0 &&
         (X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) != 0;
}

std::int64_t ToUnixSeconds(const ASN1_TIME* time, std::int64_t fallback) {
  std::tm parts = {};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) {
    ERR_clear_error();
    return fallback;
  }
  return timegm(&parts);
}

std::string Sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

}  // namespace mirror
