#include "client/source/files/file_rejects.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"

namespace mirror {

FileRejects::FileRejects(const FileLook& look, std::string header, const std::string& folder)
    : look_(look),
      header_(std::move(header)),
      path_(absl::StrCat(folder, "/", look.table.name, ".csv")),
      folder_(folder) {}

void FileRejects::Add(const FileRow& row, const std::string& reason, bool has_key) {
  no_key_ = no_key_ || !has_key;
  if (count_++ < kRejectsDescribed) {
    absl::StrAppend(&described_, described_.empty() ? "" : "; ",
                    row.file.empty() ? "" : absl::StrCat("'", std::string(row.file), "' "), "line ", row.line,
                    ", ", reason);
  }
  if (folder_.empty()) return;
  if (!file_.is_open()) Open();
  file_ << row.raw;
  if (!row.raw.ends_with('\n')) file_ << '\n';
}

std::vector<std::string> FileRejects::End() {
  std::error_code error;
  if (count_ == 0) {
    if (!folder_.empty()) std::filesystem::remove(path_, error);
    return {};
  }
  if (!folder_.empty()) {
    file_.close();
    std::filesystem::rename(path_ + ".new", path_, error);
  }
  const bool kept = file_.good() && !error;
  return {absl::StrCat(
      "'", look_.path, "': ", Counted(count_, "row"), count_ == 1 ? " was" : " were",
      " left out: ", described_,
      count_ > kRejectsDescribed ? absl::StrCat("; and ", Grouped(count_ - kRejectsDescribed), " more") : "",
      no_key_ ? ". The key of some cannot be read, so no row of the table counts as deleted" : "",
      folder_.empty() ? ""
      : kept          ? absl::StrCat(count_ == 1 ? ". It is in '" : ". They are in '", path_, "'")
                      : absl::StrCat(". '", path_, "' cannot be written"))};
}

void FileRejects::Open() {
  std::error_code error;
  // One that is there may be shared with who mends the rows.
  if (std::filesystem::create_directories(folder_, error)) {
    std::filesystem::permissions(folder_, std::filesystem::perms::owner_all, error);
  }
  file_.open(path_ + ".new", std::ios::trunc | std::ios::binary);
  file_ << header_;
}

}  // namespace mirror
