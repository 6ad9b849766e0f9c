#include "certs/key.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "certs/openssl.h"

namespace mirror {
namespace {

constexpr int kRsaBitsMin = 2048;
// With a longer key, refusing one forged token would take milliseconds.
constexpr int kRsaBitsMax = 8192;
constexpr std::size_t kEs256Half = 32;  // Number of bytes of r, and of s.
constexpr std::size_t kTextMax = 64;    // Greatest number of characters of a key id or a context id.

bool IsPlain(char character) {
  return absl::ascii_isalnum(static_cast<unsigned char>(character)) || character == '_' || character == '-';
}

absl::StatusOr<Algorithm> AlgorithmOf(EVP_PKEY* key, const std::string& name) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA: {
      const int bits = EVP_PKEY_get_bits(key);
      if (bits >= kRsaBitsMin && bits <= kRsaBitsMax) return Algorithm::kRs256;
      return absl::InvalidArgumentError(
          absl::StrCat("'", name, "' holds an RSA key of ", bits, " bits: ", kRsaBitsMin, " to ", kRsaBitsMax,
                       " are accepted. Make a new key, see 'mirrorctl certs'."));
    }
    case EVP_PKEY_EC: {
      char group[64] = {};
      std::size_t size = 0;
      if (EVP_PKEY_get_group_name(key, group, sizeof(group), &size) == 1 &&
          std::string_view(group, size) == "prime256v1") {
        return Algorithm::kEs256;
      }
      ERR_clear_error();
      return absl::InvalidArgumentError(
          absl::StrCat("'", name,
                       "' holds a key on another curve than P-256, the only one of ES256. "
                       "Make a new key, see 'mirrorctl certs'."));
    }
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("'", name,
                       "' holds a key that is neither RSA (RS256) nor P-256 (ES256). "
                       "Make a new key, see 'mirrorctl certs'."));
  }
}

// Converts a signature from OpenSSL's DER to the form in tokens: r and s, 32 bytes each.
absl::StatusOr<std::string> RawFromDer(std::string_view der) {
  const auto* data = reinterpret_cast<const unsigned char*>(der.data());
  const EcdsaSigPtr signature(d2i_ECDSA_SIG(nullptr, &data, static_cast<long>(der.size())));
  std::string raw(2 * kEs256Half, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  if (signature == nullptr ||
      BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, kEs256Half) != static_cast<int>(kEs256Half) ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + kEs256Half, kEs256Half) !=
          static_cast<int>(kEs256Half)) {
    return absl::InternalError(absl::StrCat("an ES256 signature cannot be decoded: ", TakeOpenSslError()));
  }
  return raw;
}

// Converts a signature from the form in tokens to DER. Empty: the input does not have that form.
std::string DerFromRaw(std::string_view raw) {
  if (raw.size() != 2 * kEs256Half) return "";
  const auto* data = reinterpret_cast<const unsigned char*>(raw.data());
  const EcdsaSigPtr signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(data, kEs256Half, nullptr);
  BIGNUM* s = BN_bin2bn(data + kEs256Half, kEs256Half, nullptr);
  if (signature == nullptr || r == nullptr || s == nullptr || ECDSA_SIG_set0(signature.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return "";
  }
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return "";
  std::string bytes(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

std::string NameText(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) {
    ERR_clear_error();
    return "";
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size <= 0 ? "" : std::string(data, static_cast<std::size_t>(size));
}

std::string CertificateThumbprint(const X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1) {
    ERR_clear_error();
    return "";
  }
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

std::vector<std::string> Uris(const X509* certificate) {
  std::vector<std::string> uris;
  const std::unique_ptr<GENERAL_NAMES, OpenSslFree<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* const uri = name->d.uniformResourceIdentifier;
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                      static_cast<std::size_t>(ASN1_STRING_length(uri)));
  }
  return uris;
}

std::string KeyThumbprint(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) {
    ERR_clear_error();
    return "";
  }
  std::string thumbprint = absl::BytesToHexString(
      Sha256(std::string_view(reinterpret_cast<char*>(der), static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  return thumbprint;
}

}  // namespace

std::string_view ToString(Algorithm algorithm) { return algorithm == Algorithm::kRs256 ? "RS256" : "ES256"; }

std::optional<Algorithm> ParseAlgorithm(std::string_view text) {
  if (text == "RS256") return Algorithm::kRs256;
  if (text == "ES256") return Algorithm::kEs256;
  return std::nullopt;
}

bool IsKeyId(std::string_view text) {
  return !text.empty() && text.size() <= kTextMax && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsPlain(c) || c == '.'; });
}

bool IsContextId(std::string_view text) {
  return !text.empty() && text.size() <= kTextMax && std::all_of(text.begin(), text.end(), IsPlain);
}

absl::StatusOr<PublicKey> PublicKey::Load(const std::string& path) {
  ASSIGN_OR_RETURN(std::string pem, ReadKeyFile(path, FileUse::kPublic));
  absl::StatusOr<PublicKey> key = Parse(pem, path);
  // The text may have been a private key, so it is wiped.
  if (!key.ok()) OPENSSL_cleanse(pem.data(), pem.size());
  return key;
}

absl::StatusOr<PublicKey> PublicKey::Parse(const std::string& pem, const std::string& name) {
  if (pem.find("PRIVATE KEY-----") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name,
                     "' holds a private key where a public certificate belongs. It was not used. "
                     "Move it to its owner; if others could read it here, replace the key."));
  }
  PublicKey result;
  PkeyPtr key;
  if (pem.find("-----BEGIN CERTIFICATE-----") != std::string::npos) {
    ASSIGN_OR_RETURN(const X509Ptr certificate, ParseCertificate(pem, name));
    key.reset(X509_get_pubkey(certificate.get()));
    // A certificate whose times cannot be read is never valid.
    constexpr auto kNever = std::numeric_limits<std::int64_t>::max();
    result.not_before_ = ToUnixSeconds(X509_get0_notBefore(certificate.get()), kNever);
    result.not_after_ = ToUnixSeconds(X509_get0_notAfter(certificate.get()), 0);
    result.thumbprint_ = CertificateThumbprint(certificate.get());
  } else {
    const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    key.reset(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
    if (key != nullptr) result.thumbprint_ = KeyThumbprint(key.get());
  }
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name, "' holds neither an X.509 certificate nor a public key in PEM form (",
                     TakeOpenSslError(), "). Put the certificate there again."));
  }
  ASSIGN_OR_RETURN(result.algorithm_, AlgorithmOf(key.get(), name));
  result.key_ = std::move(key);
  return result;
}

absl::Status PublicKey::CheckValidity(std::int64_t now_s) const {
  const auto refuse = [now_s](const char* limit, std::int64_t time) {
    return absl::FailedPreconditionError(absl::StrCat("the certificate ", limit, FormatUnixTime(time),
                                                      "; the clock here says ", FormatUnixTime(now_s)));
  };
  if (not_before_ && now_s < *not_before_) return refuse("is valid only from ", *not_before_);
  if (not_after_ && now_s > *not_after_) return refuse("was valid only until ", *not_after_);
  return absl::OkStatus();
}

bool PublicKey::Verify(std::string_view bytes, std::string_view signature) const {
  std::string der;
  if (algorithm_ == Algorithm::kEs256) {
    der = DerFromRaw(signature);
    if (der.empty()) return false;
    signature = der;
  } else if (signature.size() != static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()))) {
    return false;
  }
  const MdCtxPtr context(EVP_MD_CTX_new());
  const bool valid = context != nullptr &&
                     EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
                     EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                                      signature.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                                      bytes.size()) == 1;
  if (!valid) ERR_clear_error();
  return valid;
}

absl::StatusOr<SigningKey> SigningKey::Load(const std::string& path, std::string key_id) {
  if (!IsKeyId(key_id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the key id of '", path,
                     "' is malformed: 1 to 64 of A-Z a-z 0-9 . _ - and no dot or dash in front. "
                     "It is the name of the certificate's file at the other side, without '.crt'."));
  }
  ASSIGN_OR_RETURN(std::string pem, ReadKeyFile(path, FileUse::kSecret));
  absl::StatusOr<PkeyPtr> key = ParsePrivateKey(pem, path);
  OPENSSL_cleanse(pem.data(), pem.size());
  if (!key.ok()) return key.status();
  SigningKey result;
  ASSIGN_OR_RETURN(result.algorithm_, AlgorithmOf(key->get(), path));
  result.key_ = *std::move(key);
  result.key_id_ = std::move(key_id);
  return result;
}

std::string SigningKey::PublicThumbprint() const { return KeyThumbprint(key_.get()); }

absl::StatusOr<std::string> SigningKey::Sign(std::string_view bytes) const {
  const MdCtxPtr context(EVP_MD_CTX_new());
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()));
  std::string signature(size, '\0');
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, data,
                     bytes.size()) != 1) {
    return absl::InternalError(
        absl::StrCat("the key '", key_id_, "' cannot sign: ", TakeOpenSslError(),
                     ". Nothing was sent. Check its file with 'mirrorctl certs show' on "
                     "its certificate, or issue a new key."));
  }
  signature.resize(size);
  if (algorithm_ == Algorithm::kEs256) return RawFromDer(signature);
  return signature;
}

bool SigningKey::Matches(const PublicKey& key) const {
  const bool same = EVP_PKEY_eq(key_.get(), key.key_.get()) == 1;
  if (!same) ERR_clear_error();
  return same;
}

CertificateInfo DescribeCertificate(X509* certificate) {
  CertificateInfo info;
  info.subject = NameText(X509_get_subject_name(certificate));
  info.issuer = NameText(X509_get_issuer_name(certificate));
  info.not_before = ToUnixSeconds(X509_get0_notBefore(certificate), 0);
  info.not_after = ToUnixSeconds(X509_get0_notAfter(certificate), 0);
  info.thumbprint = CertificateThumbprint(certificate);
  EVP_PKEY* const key = X509_get0_pubkey(certificate);
  const absl::StatusOr<Algorithm> algorithm =
      key == nullptr ? absl::InvalidArgumentError("no key") : AlgorithmOf(key, info.subject);
  info.algorithm = algorithm.ok() ? std::string(ToString(*algorithm)) : "unusable";
  info.uris = Uris(certificate);
  info.is_for_clients = IsForClients(certificate);
  ERR_clear_error();
  return info;
}

absl::StatusOr<CertificateInfo> ReadCertificateInfo(const std::string& path) {
  ASSIGN_OR_RETURN(std::vector<CertificateInfo> all, ReadCertificateInfos(path));
  return std::move(all.front());
}

absl::StatusOr<std::vector<CertificateInfo>> ReadCertificateInfos(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string pem, ReadKeyFile(path, FileUse::kPublic));
  ASSIGN_OR_RETURN(const std::vector<X509Ptr> certificates, ParseCertificates(pem, path));
  std::vector<CertificateInfo> infos;
  for (const X509Ptr& certificate : certificates) infos.push_back(DescribeCertificate(certificate.get()));
  return infos;
}

}  // namespace mirror
