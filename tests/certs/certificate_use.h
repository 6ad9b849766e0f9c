#ifndef MIRROR_TESTS_CERTS_CERTIFICATE_USE_H_
#define MIRROR_TESTS_CERTS_CERTIFICATE_USE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "certs/issue.h"
#include "tests/support/processes.h"

namespace mirror {

/// Issues a certificate with this extended key usage, in OpenSSL's words, as "clientAuth". Empty: the
/// certificate does not say what it is for, as those of many other authorities. `names`: its alternative
/// names, as "URI:mirror:role:operator".
inline void IssueForUse(const PairFiles& files, const PairFiles& ca, const std::string& use,
                        const std::string& names = "") {
  const std::string config = files.key + ".cnf";
  WriteFileText(config, absl::StrCat("[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\n",
                                     "basicConstraints=critical,CA:FALSE\n",
                                     use.empty() ? "" : absl::StrCat("extendedKeyUsage=", use, "\n"),
                                     names.empty() ? "" : absl::StrCat("subjectAltName=", names, "\n")));
  const Finished issued =
      RunProgram("/usr/bin/openssl",
                 {"req",     "-x509", "-newkey",        "ec",     "-pkeyopt", "ec_paramgen_curve:P-256",
                  "-nodes",  "-subj", "/CN=test",       "-days",  "2",        "-config",
                  config,    "-CA",   ca.certificate,   "-CAkey", ca.key,     "-keyout",
                  files.key, "-out",  files.certificate});
  ASSERT_EQ(issued.exit_code, 0) << issued.errors;
  std::filesystem::permissions(files.key, std::filesystem::perms::owner_read);
}

}  // namespace mirror

#endif  // MIRROR_TESTS_CERTS_CERTIFICATE_USE_H_
