#include "server/jobs/uploads.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/file.h"
#include "base/json_document.h"
#include "base/json_writer.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "proto/wire/receipt.h"

namespace mirror {
namespace {

constexpr std::size_t kNameDigits = 12;

bool IsName(const std::string& text) {
  return text.size() == kNameDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isxdigit(static_cast<unsigned char>(c));
         });
}

}  // namespace

absl::StatusOr<std::string> NameUploadFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), error);
  RETURN_IF_ERROR(MakeFolder(folder));
  const std::string path = absl::StrCat(folder, "/", kUploadFolderNote);
  RemoveTemporaries(path);
  const absl::StatusOr<std::string> kept = ReadKeyFile(path, FileUse::kSecret);
  if (!kept.ok() && !absl::IsNotFound(kept.status())) return kept.status();
  // Any other text is not the name of an upload folder.
  if (kept.ok() && IsName(*kept)) return kept;
  std::string name = NewToken().substr(0, kNameDigits);
  RETURN_IF_ERROR(WriteFileAtomically(path, name, FileUse::kSecret, ExistingFile::kReplace));
  return name;
}

std::string NewUploadId(const std::string& folder) {
  return folder.empty() ? NewToken() : absl::StrCat(folder, "-", NewToken());
}

std::string FolderOfUpload(const std::string& id) {
  std::string name = id.substr(0, std::min(id.find('-'), id.size()));
  return name.size() < id.size() && IsName(name) ? name : "";
}

namespace {

constexpr char kNoteEnding[] = ".json";
constexpr char kFileEnding[] = ".file";
/// The most files that may wait, whatever their size.
constexpr std::size_t kUploadsMax = 10'000;

absl::Status OfDisk(std::string_view doing, const std::string& path, int error) {
  return absl::UnavailableError(absl::StrCat(std::string(doing), " '", path, "': ", std::strerror(error),
                                             ". Nothing was kept of the file."));
}

absl::Status GivenUp() { return absl::NotFoundError("the upload was dropped meanwhile. Send it again."); }

bool HasLessFree(const std::string& folder, std::uint64_t bytes) {
  struct statvfs space = {};
  return statvfs(folder.c_str(), &space) == 0 && space.f_bavail * space.f_frsize < bytes;
}

}  // namespace

class Uploads::FileSink final : public Sink {
 public:
  FileSink(Uploads& uploads, std::string id, int file, std::uint64_t bytes_max)
      : uploads_(uploads), id_(std::move(id)), file_(file), bytes_max_(bytes_max) {}
  ~FileSink() override {
    close(file_);
    if (!is_finished_) uploads_.Remove(id_);
  }
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  absl::Status Write(std::string_view piece) override {
    if (bytes_ + piece.size() > bytes_max_) {
      return absl::OutOfRangeError(
          absl::StrCat("the file is larger than ", bytes_max_ / 1'000'000,
                       " MB. Nothing was kept of it. Send larger files by POST /files/upload, or in parts."));
    }
    RETURN_IF_ERROR(uploads_.Count(id_, piece.size()));
    hash_.Add(piece);
    bytes_ += piece.size();
    while (!piece.empty()) {
      const ssize_t written = write(file_, piece.data(), piece.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return OfDisk("writing", uploads_.PathOf(id_), errno);
      piece.remove_prefix(static_cast<std::size_t>(written));
    }
    return absl::OkStatus();
  }
  std::string Hash() override { return absl::BytesToHexString(hash_.Finish()); }
  absl::Status Finish(std::int64_t now_ms) override {
    if (fdatasync(file_) != 0) return OfDisk("writing", uploads_.PathOf(id_), errno);
    absl::Status finished = uploads_.Finished(id_, now_ms);
    is_finished_ = finished.ok();
    return finished;
  }

 private:
  Uploads& uploads_;
  const std::string id_;
  const int file_;
  const std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  Sha256Stream hash_;
  bool is_finished_ = false;
};

std::string Uploads::NoteOf(const std::string& id) const {
  return absl::StrCat(folder_, "/", id, kNoteEnding);
}
std::string Uploads::PathOf(const std::string& id) const {
  return absl::StrCat(folder_, "/", id, kFileEnding);
}

absl::StatusOr<std::vector<Uploads::Upload>> Uploads::Open() {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(folder_).parent_path(), error);
  RETURN_IF_ERROR(MakeFolder(folder_));
  std::vector<std::filesystem::path> all;
  for (auto one = std::filesystem::directory_iterator(folder_, error);
       !error && one != std::filesystem::directory_iterator(); one.increment(error)) {
    if (one->path().filename() != kUploadFolderNote) all.push_back(one->path());
  }
  if (error) return absl::UnavailableError(absl::StrCat("reading '", folder_, "': ", error.message()));
  std::vector<Upload> taken;
  const MutexLock lock(mutex_);
  for (const std::filesystem::path& path : all) {
    if (path.extension() != kNoteEnding) continue;
    const std::string id = path.stem().string();
    const absl::StatusOr<std::optional<Upload>> upload = ReadUpload(id);
    if (!upload.ok()) {
      unread_[id] = std::string(upload.status().message());
    } else if (*upload) {
      if (!(*upload)->job.empty()) taken.push_back(**upload);
      uploads_[id] = **upload;
    }
  }
  for (const std::filesystem::path& path : all) {
    const std::string id = path.stem().string();
    if (!uploads_.contains(id) && !unread_.contains(id)) std::filesystem::remove(path, error);
  }
  return taken;
}

absl::StatusOr<std::optional<Uploads::Upload>> Uploads::ReadUpload(const std::string& id) const {
  const absl::StatusOr<std::string> text = ReadKeyFile(NoteOf(id), FileUse::kSecret);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return text.status();
  const absl::StatusOr<JsonDocument> note = JsonDocument::Parse(*text);
  if (!note.ok()) return std::nullopt;
  Upload upload;
  upload.id = id;
  upload.key = note->root().TextOf("key");
  upload.name = note->root().TextOf("name");
  upload.job = note->root().TextOf("job");
  upload.since_ms = static_cast<std::int64_t>(note->root().NumberOf("created"));
  upload.is_there = note->root().TextOf("there") == "yes";
  upload.is_own = note->root().TextOf("own") == "yes";
  // Its secret was lost with the process, and no client knows the name of its own file.
  if (!upload.is_there || (upload.is_own && upload.job.empty())) return std::nullopt;
  std::error_code error;
  upload.bytes = std::filesystem::file_size(PathOf(id), error);
  if (error == std::errc::no_such_file_or_directory) return std::nullopt;
  if (error)
    return absl::UnavailableError(absl::StrCat("'", PathOf(id), "' cannot be read: ", error.message(), "."));
  return upload;
}

absl::Status Uploads::WriteNote(const std::string& id) {
  const MutexLock noting(noting_);
  JsonWriter note;
  {
    const MutexLock lock(mutex_);
    const auto found = uploads_.find(id);
    if (found == uploads_.end()) return GivenUp();
    const Upload& upload = found->second;
    note.Begin('{').Member("key", upload.key).Member("name", upload.name).Member("job", upload.job);
    note.Key("created").Number(upload.since_ms);
    note.Member("there", upload.is_there ? "yes" : "no").Member("own", upload.is_own ? "yes" : "no").End('}');
  }
  return WriteFileAtomically(NoteOf(id), note.Take(), FileUse::kSecret, ExistingFile::kReplace);
}

absl::Status Uploads::CheckRoom(const std::string& key, std::uint64_t more, bool is_nearly_full) {
  std::uint64_t all = more, of_key = more;
  std::size_t files = 0;
  for (const auto& [id, upload] : uploads_) {
    // An announced upload takes no disk; each key has its own limit for them.
    if (upload.secret.empty()) ++files;
    all += upload.bytes;
    if (upload.key == key) of_key += upload.bytes;
  }
  if (of_key > limits_.key_bytes_max) {
    counters_.Limit(DoorLimit::kUploadsPerKey);
    return absl::ResourceExhaustedError(absl::StrCat(
        "the files of this key that wait have more than ", limits_.key_bytes_max / 1'000'000,
        " MB together. Nothing was kept of this one. Let their import jobs end, then try again."));
  }
  if (all > limits_.bytes_max || files > kUploadsMax) {
    counters_.Limit(DoorLimit::kUploads);
    return absl::UnavailableError(
        "the server has no room for more uploads now. Nothing was kept of this one; try again later.");
  }
  if (is_nearly_full) {
    counters_.Limit(DoorLimit::kDisk);
    return absl::UnavailableError(
        absl::StrCat("the server's disk has less than ", limits_.free_bytes_min / 1'000'000,
                     " MB free (disk_free_min). Nothing was kept of this file; try again later."));
  }
  return absl::OkStatus();
}

absl::Status Uploads::Count(const std::string& id, std::uint64_t more) {
  const bool is_nearly_full = HasLessFree(folder_, limits_.free_bytes_min);
  const MutexLock lock(mutex_);
  const auto found = uploads_.find(id);
  if (found == uploads_.end()) return GivenUp();
  RETURN_IF_ERROR(CheckRoom(found->second.key, more, is_nearly_full));
  found->second.bytes += more;
  return absl::OkStatus();
}

absl::Status Uploads::Finished(const std::string& id, std::int64_t now_ms) {
  {
    const MutexLock lock(mutex_);
    const auto found = uploads_.find(id);
    if (found == uploads_.end()) return GivenUp();
    found->second.is_there = true;
    found->second.since_ms = now_ms;
  }
  absl::Status noted = WriteNote(id);
  if (noted.ok()) CrashPoint("upload.kept");
  return noted;
}

absl::StatusOr<Uploads::Upload> Uploads::Expect(const std::string& key, const std::string& name,
                                                std::int64_t now_ms) {
  const bool is_nearly_full = HasLessFree(folder_, limits_.free_bytes_min);
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckRoom(key, 0, is_nearly_full));
  const auto announced = std::count_if(uploads_.begin(), uploads_.end(), [&](const auto& one) {
    return one.second.key == key && !one.second.secret.empty() && !IsLate(one.second, now_ms);
  });
  if (static_cast<std::size_t>(announced) >= limits_.key_announced_max) {
    counters_.Limit(DoorLimit::kLinksPerKey);
    return absl::ResourceExhaustedError(absl::StrCat(
        limits_.key_announced_max, " links of this key are unused, and it may have no more. Nothing ",
        "was done. Send files to them, or wait until they expire."));
  }
  return Add(key, name, NewToken(), now_ms);
}

Uploads::Upload Uploads::Add(const std::string& key, const std::string& name, const std::string& secret,
                             std::int64_t now_ms) {
  Upload upload;
  upload.id = NewUploadId(name_);
  upload.secret = secret;
  upload.key = key;
  upload.name = ValidUtf8(name);  // Unchecked input: a note is JSON.
  upload.since_ms = now_ms;
  uploads_[upload.id] = upload;
  return upload;
}

bool Uploads::IsLate(const Upload& upload, std::int64_t now_ms) const {
  return now_ms - upload.since_ms > limits_.kept_ms;
}

absl::StatusOr<Uploads::Upload*> Uploads::FindExpected(const std::string& secret, std::int64_t now_ms) {
  const auto found = std::find_if(uploads_.begin(), uploads_.end(), [&](const auto& one) {
    const Upload& upload = one.second;
    // A used secret is empty.
    return !upload.secret.empty() && IsSameSecret(secret, upload.secret) && !IsLate(upload, now_ms);
  });
  if (found != uploads_.end()) return &found->second;
  return absl::NotFoundError(
      "there is no such upload, or it has expired, or it was used. Nothing was kept. POST /files/upload "
      "gives a new link.");
}

absl::StatusOr<std::string> Uploads::Expects(const std::string& secret, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(Upload* const found, FindExpected(secret, now_ms));
  return found->key;
}

absl::StatusOr<std::shared_ptr<Uploads::Sink>> Uploads::Receive(const std::string& secret,
                                                                std::int64_t now_ms) {
  std::string id;
  {
    const MutexLock lock(mutex_);
    ASSIGN_OR_RETURN(Upload* const found, FindExpected(secret, now_ms));
    // It is used up at the first byte, even if a second client sends with it.
    found->secret.clear();
    id = found->id;
  }
  return MakeSink(id, limits_.file_bytes_max);
}

absl::StatusOr<std::shared_ptr<Uploads::Sink>> Uploads::MakeSink(const std::string& id,
                                                                 std::uint64_t bytes_max) {
  const std::string path = PathOf(id);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    const int error = errno;
    Remove(id);
    return OfDisk("making", path, error);
  }
  return std::make_shared<FileSink>(*this, id, file, bytes_max);
}

absl::StatusOr<std::shared_ptr<Uploads::Sink>> Uploads::ReceiveOwn(const std::string& key,
                                                                   const std::string& name,
                                                                   std::uint64_t bytes_max,
                                                                   std::int64_t now_ms, std::string* id) {
  const bool is_nearly_full = HasLessFree(folder_, limits_.free_bytes_min);
  {
    const MutexLock lock(mutex_);
    RETURN_IF_ERROR(CheckRoom(key, 0, is_nearly_full));
    *id = Add(key, name, "", now_ms).id;
    uploads_[*id].is_own = true;
  }
  return MakeSink(*id, bytes_max);
}

std::optional<Uploads::Upload> Uploads::Find(const std::string& id) {
  const MutexLock lock(mutex_);
  const auto found = uploads_.find(id);
  return found == uploads_.end() || !found->second.is_there ? std::nullopt : std::optional(found->second);
}

absl::Status Uploads::TakeFor(const std::string& job, const std::string& key, const std::string& id) {
  {
    const MutexLock lock(mutex_);
    const auto found = uploads_.find(id);
    const bool is_there = found != uploads_.end() && found->second.is_there && found->second.key == key;
    if (!is_there || (!found->second.job.empty() && found->second.job != job)) {
      return absl::NotFoundError(
          "this server has no such upload that waits for its job. Nothing was started. Send the file by POST "
          "/files/upload first, and give its 'url'.");
    }
    found->second.job = job;
  }
  absl::Status noted = WriteNote(id);
  if (noted.ok()) {
    CrashPoint("job.taken");
    return noted;
  }
  GiveBack(job, id);
  return noted;
}

void Uploads::GiveBack(const std::string& job, const std::string& id) {
  bool is_own = false;
  {
    const MutexLock lock(mutex_);
    const auto found = uploads_.find(id);
    if (found == uploads_.end() || found->second.job != job) return;
    found->second.job.clear();
    is_own = found->second.is_own;
  }
  if (is_own) return Remove(id);
  // If this cannot be noted, the next start removes the file: its job does not exist.
  WriteNote(id).IgnoreError();
}

std::uint64_t Uploads::FindBytes() {
  const MutexLock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const auto& [id, upload] : uploads_) bytes += upload.bytes;
  return bytes;
}

void Uploads::Remove(const std::string& id) {
  {
    const MutexLock lock(mutex_);
    uploads_.erase(id);
  }
  // The file first: the next start removes a note without a file.
  unlink(PathOf(id).c_str());
  unlink(NoteOf(id).c_str());
}

void Uploads::KeepHouse(std::int64_t now_ms) {
  std::vector<std::string> late;
  {
    const MutexLock lock(mutex_);
    for (const auto& [id, upload] : uploads_) {
      const bool is_sent = upload.is_there || !upload.secret.empty();
      if (upload.job.empty() && is_sent && IsLate(upload, now_ms)) late.push_back(id);
    }
  }
  for (const std::string& id : late) Remove(id);
}

}  // namespace mirror
