#ifndef MIRROR_CLIENT_SOURCE_FILES_FILE_REJECTS_H_
#define MIRROR_CLIENT_SOURCE_FILES_FILE_REJECTS_H_

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "client/source/files/file_look.h"
#include "client/source/files/rows/file_rows.h"

namespace mirror {

/// Rows that cannot be taken and are described one by one; the rest is counted.
inline constexpr std::size_t kRejectsDescribed = 5;

/// What of a file could not be taken, for the person and for `<folder>/<table>.csv`.
class FileRejects {
 public:
  /// `folder` empty: they are only described. `look` outlives this.
  FileRejects(const FileLook& look, std::string header, const std::string& folder);

  void Add(const FileRow& row, const std::string& reason, bool has_key);
  /// The sentence for the person, if there is one. The file is there, or gone where nothing was left out.
  std::vector<std::string> End();

 private:
  void Open();

  const FileLook& look_;
  const std::string header_, path_, folder_;
  std::ofstream file_;
  std::uint64_t count_ = 0;
  bool no_key_ = false;
  std::string described_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_FILE_REJECTS_H_
