#include "certs/issue.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "certs/openssl.h"

namespace mirror {
namespace {

constexpr int kRsaBits = 3072;
constexpr std::int64_t kDay = 86'400;  // Seconds.
// Seconds by which the validity begins earlier, because the other side's clock may be slow.
constexpr std::int64_t kBackdated = 3'600;
constexpr std::size_t kNameMax = 64;   // Greatest number of characters of a common name (X.520).
constexpr std::size_t kHostMax = 253;  // Greatest number of characters of a DNS name.

absl::Status OpenSslFailed(const std::string& what) {
  return absl::InternalError(
      absl::StrCat(what, " failed: ", TakeOpenSslError(), ". Nothing was written. Run the command again."));
}

// Certificate and key of a CA that can sign.
struct Ca {
  X509Ptr certificate;
  PkeyPtr key;
};

absl::StatusOr<Ca> LoadCa(const PairFiles& files) {
  ASSIGN_OR_RETURN(const std::string certificate_pem, ReadKeyFile(files.certificate, FileUse::kPublic));
  ASSIGN_OR_RETURN(X509Ptr certificate, ParseCertificate(certificate_pem, files.certificate));
  ASSIGN_OR_RETURN(std::string key_pem, ReadKeyFile(files.key, FileUse::kSecret));
  absl::StatusOr<PkeyPtr> key = ParsePrivateKey(key_pem, files.key);
  OPENSSL_cleanse(key_pem.data(), key_pem.size());
  if (!key.ok()) return key.status();
  if (X509_check_ca(certificate.get()) != 1 || X509_check_private_key(certificate.get(), key->get()) != 1) {
    TakeOpenSslError();
    return absl::InvalidArgumentError(
        absl::StrCat("'", files.certificate, "' and '", files.key,
                     "' are not a certificate authority and its key. Nothing was "
                     "written. Give the two files of one CA."));
  }
  return Ca{std::move(certificate), *std::move(key)};
}

struct Extension {
  int nid;
  std::string value;  // Value in the form of openssl's configuration files.
};

bool AddExtension(X509* certificate, X509* issuer, const Extension& extension) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, extension.nid, extension.value.c_str());
  if (made == nullptr) return false;
  const bool added = X509_add_ext(certificate, made, -1) == 1;
  X509_EXTENSION_free(made);
  return added;
}

bool SetSerial(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1) return false;
  // The number is positive and always has 16 bytes.
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);
  BIGNUM* number = BN_bin2bn(bytes, sizeof(bytes), nullptr);
  const bool set =
      number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set;
}

// Makes a certificate for `key` with subject CN=`name`,O=Mirror, signed by `ca` or, if null, by itself.
absl::StatusOr<X509Ptr> Certify(EVP_PKEY* key, const Ca* ca, const std::string& name,
                                const IssueOptions& options, const std::vector<Extension>& extensions) {
  const std::int64_t now_s = options.now_s != 0 ? options.now_s : std::time(nullptr);
  std::int64_t not_after = now_s + options.days * kDay;
  X509Ptr certificate(X509_new());
  if (certificate == nullptr) return OpenSslFailed("making a certificate");
  X509* const made = certificate.get();
  X509* const issuer = ca == nullptr ? made : ca->certificate.get();
  if (ca != nullptr) not_after = std::min(not_after, ToUnixSeconds(X509_get0_notAfter(issuer), not_after));
  X509_NAME* const subject = X509_get_subject_name(made);
  const auto add = [subject](const char* field, const std::string& value) {
    return X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0) == 1;
  };
  bool good = X509_set_version(made, 2) == 1 && SetSerial(made) && add("O", "Mirror") && add("CN", name) &&
              X509_set_issuer_name(made, X509_get_subject_name(issuer)) == 1 &&
              ASN1_TIME_set(X509_getm_notBefore(made), now_s - kBackdated) != nullptr &&
              ASN1_TIME_set(X509_getm_notAfter(made), not_after) != nullptr &&
              X509_set_pubkey(made, key) == 1 &&
              AddExtension(made, issuer, {NID_subject_key_identifier, "hash"});
  if (ca != nullptr)
    good = good && AddExtension(made, issuer, {NID_authority_key_identifier, "keyid:always"});
  for (const Extension& extension : extensions) good = good && AddExtension(made, issuer, extension);
  if (!good || X509_sign(made, ca == nullptr ? key : ca->key.get(), EVP_sha256()) <= 0) {
    return OpenSslFailed("making a certificate");
  }
  return certificate;
}

absl::Status CheckFree(const PairFiles& files) {
  for (const std::string& path : {files.key, files.certificate}) {
    struct stat info = {};
    if (lstat(path.c_str(), &info) == 0) {
      return absl::AlreadyExistsError(absl::StrCat(
          "'", path, "' exists. Nothing was written. Choose another name, or allow it to be replaced."));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckRequest(const PairFiles& files, const std::string& name, const IssueOptions& options) {
  if (name.empty() || name.size() > kNameMax ||
      !std::all_of(name.begin(), name.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; })) {
    return absl::InvalidArgumentError(absl::StrCat("a certificate's name has 1 to ", kNameMax,
                                                   " characters and none of them a control "
                                                   "character. Nothing was written."));
  }
  if (options.days < 1 || options.days > kCertificateDaysMax) {
    return absl::InvalidArgumentError(absl::StrCat("a certificate is valid for 1 to ", kCertificateDaysMax,
                                                   " days, not ", options.days, ". Nothing was written."));
  }
  return options.replace ? absl::OkStatus() : CheckFree(files);
}

template <typename Write>
absl::StatusOr<std::string> ToPem(Write write) {
  // The BIO wipes its memory when it is freed, and the copy of the text is wiped below.
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (bio == nullptr || write(bio.get()) != 1) return OpenSslFailed("writing PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

absl::Status WritePair(const PairFiles& files, EVP_PKEY* key, X509* certificate,
                       const IssueOptions& options) {
  ASSIGN_OR_RETURN(std::string key_pem, ToPem([key](BIO* bio) {
                     return PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
                   }));
  const absl::StatusOr<std::string> certificate_pem =
      ToPem([certificate](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
  const ExistingFile existing = options.replace ? ExistingFile::kReplace : ExistingFile::kRefuse;
  absl::Status written = certificate_pem.status();
  if (written.ok()) {
    written = WriteFilesAtomically(
        {{files.key, key_pem, FileUse::kSecret}, {files.certificate, *certificate_pem, FileUse::kPublic}},
        existing);
  }
  OPENSSL_cleanse(key_pem.data(), key_pem.size());
  return written;
}

// Makes a new key and its certificate, signed by `ca` or, if null, by itself.
absl::Status Issue(const PairFiles& files, const Ca* ca, const std::string& name, Algorithm algorithm,
                   const IssueOptions& options, const std::vector<Extension>& extensions) {
  const PkeyPtr key(algorithm == Algorithm::kRs256
                        ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(kRsaBits))
                        : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (key == nullptr) return OpenSslFailed("making a key");
  ASSIGN_OR_RETURN(const X509Ptr certificate, Certify(key.get(), ca, name, options, extensions));
  return WritePair(files, key.get(), certificate.get(), options);
}

absl::Status IssueLeaf(const PairFiles& files, const PairFiles& ca_files, const std::string& name,
                       const IssueOptions& options, const std::string& usage, const std::string& names) {
  RETURN_IF_ERROR(CheckRequest(files, name, options));
  ASSIGN_OR_RETURN(const Ca ca, LoadCa(ca_files));
  std::vector<Extension> extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                       {NID_key_usage, "critical,digitalSignature"},
                                       {NID_ext_key_usage, usage}};
  if (!names.empty()) extensions.push_back({NID_subject_alt_name, names});
  return Issue(files, &ca, name, Algorithm::kEs256, options, extensions);
}

// Returns "IP:..." or "DNS:...". The text becomes part of a list with commas, so that its characters must be
// checked.
absl::StatusOr<std::string> AlternativeName(const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  if (inet_pton(AF_INET, host.c_str(), address) == 1 || inet_pton(AF_INET6, host.c_str(), address) == 1) {
    return absl::StrCat("IP:", host);
  }
  const std::string_view name = std::string_view(host).substr(host.starts_with("*.") ? 2 : 0);
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  if (name.empty() || host.size() > kHostMax || !plain || name.front() == '.' || name.front() == '-') {
    return absl::InvalidArgumentError(
        absl::StrCat("'", host,
                     "' is neither a DNS name nor an IP address. Nothing was written. Give it as "
                     "clients will type it, without a port."));
  }
  return absl::StrCat("DNS:", host);
}

}  // namespace

std::string_view RoleUri(Role role) {
  return role == Role::kOperator ? "mirror:role:operator" : "mirror:role:viewer";
}

absl::Status IssueCa(const PairFiles& files, const std::string& name, const IssueOptions& options) {
  RETURN_IF_ERROR(CheckRequest(files, name, options));
  return Issue(files, nullptr, name, Algorithm::kEs256, options,
               {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                {NID_key_usage, "critical,keyCertSign,cRLSign"}});
}

absl::Status IssueServer(const PairFiles& files, const PairFiles& ca, const std::string& name,
                         const std::vector<std::string>& hosts, const IssueOptions& options) {
  std::vector<std::string> names = {"DNS:localhost", "IP:127.0.0.1"};
  for (const std::string& host : hosts) {
    ASSIGN_OR_RETURN(std::string alternative, AlternativeName(host));
    if (std::find(names.begin(), names.end(), alternative) == names.end()) {
      names.push_back(std::move(alternative));
    }
  }
  return IssueLeaf(files, ca, name, options, "serverAuth", absl::StrJoin(names, ","));
}

absl::Status CheckHost(const std::string& host) { return AlternativeName(host).status(); }

absl::Status IssueAdmin(const PairFiles& files, const PairFiles& ca, const std::string& name, Role role,
                        const IssueOptions& options) {
  return IssueLeaf(files, ca, name, options, "clientAuth", absl::StrCat("URI:", std::string(RoleUri(role))));
}

absl::Status IssueClient(const PairFiles& files, const PairFiles& ca, const std::string& name,
                         const IssueOptions& options) {
  return IssueLeaf(files, ca, name, options, "clientAuth", "");
}

absl::Status IssueSigningKey(const PairFiles& files, const std::string& key_id, Algorithm algorithm,
                             const IssueOptions& options) {
  if (!IsKeyId(key_id)) {
    return absl::InvalidArgumentError(
        "the key id is malformed: 1 to 64 of A-Z a-z 0-9 . _ - and no dot or dash in front. Nothing was "
        "written.");
  }
  RETURN_IF_ERROR(CheckRequest(files, key_id, options));
  return Issue(files, nullptr, key_id, algorithm, options,
               {{NID_basic_constraints, "critical,CA:FALSE"}, {NID_key_usage, "critical,digitalSignature"}});
}

}  // namespace mirror
