#include "client/source/files/rows/zip_archive.h"

#include <unistd.h>

#include <cerrno>

#include "client/source/files/rows/part_name.h"

namespace mirror {

absl::StatusOr<std::unique_ptr<ZipArchive>> ZipArchive::Open(int file) {
  std::unique_ptr<ZipArchive> archive(new ZipArchive(file));
  const off_t size = lseek(file, 0, SEEK_END);
  if (size < 0) return absl::InvalidArgumentError("it is no file that can be read from any place");
  archive->size_ = static_cast<std::uint64_t>(size);
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* const source = zip_source_function_create(&ZipArchive::Answer, archive.get(), &error);
  if (source != nullptr) {
    archive->archive_ = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (archive->archive_ == nullptr) zip_source_free(source);
  }
  const int code = zip_error_code_zip(&error);
  zip_error_fini(&error);
  if (archive->archive_ != nullptr) return archive;
  if (code == ZIP_ER_MEMORY) return absl::ResourceExhaustedError("there is no memory left to read it");
  return absl::InvalidArgumentError("it is no zip archive, or a damaged one");
}

std::optional<zip_uint64_t> ZipArchive::Find(const std::string& part) const {
  const std::string wanted = FoldPartName(part);
  const zip_int64_t count = zip_get_num_entries(archive_, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    const char* const name = zip_get_name(archive_, index, ZIP_FL_ENC_RAW);
    if (name != nullptr && FoldPartName(name) == wanted) return index;
  }
  return std::nullopt;
}

ZipArchive::~ZipArchive() {
  if (archive_ != nullptr) zip_discard(archive_);
  zip_error_fini(&error_);
  close(file_);
}

zip_int64_t ZipArchive::Read(void* data, zip_uint64_t size) {
  const ssize_t got = pread(file_, data, size, static_cast<off_t>(at_));
  if (got < 0) {
    zip_error_set(&error_, ZIP_ER_READ, errno);
    return -1;
  }
  at_ += static_cast<std::uint64_t>(got);
  bytes_read_ += static_cast<std::uint64_t>(got);
  return got;
}

zip_int64_t ZipArchive::Answer(void* self, void* data, zip_uint64_t size, zip_source_cmd_t command) {
  auto& archive = *static_cast<ZipArchive*>(self);
  switch (command) {
    case ZIP_SOURCE_OPEN:
      archive.at_ = 0;
      return 0;
    case ZIP_SOURCE_READ:
      return archive.Read(data, size);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
      return 0;
    case ZIP_SOURCE_STAT: {
      auto* const facts = static_cast<zip_stat_t*>(data);
      zip_stat_init(facts);
      facts->size = archive.size_;
      facts->valid = ZIP_STAT_SIZE;
      return sizeof *facts;
    }
    case ZIP_SOURCE_ERROR:
      return zip_error_to_data(&archive.error_, data, size);
    case ZIP_SOURCE_SEEK: {
      const zip_int64_t to =
          zip_source_seek_compute_offset(archive.at_, archive.size_, data, size, &archive.error_);
      if (to < 0) return -1;
      archive.at_ = static_cast<std::uint64_t>(to);
      return 0;
    }
    case ZIP_SOURCE_TELL:
      return static_cast<zip_int64_t>(archive.at_);
    case ZIP_SOURCE_SUPPORTS:
      return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                            ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                            ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
    default:
      zip_error_set(&archive.error_, ZIP_ER_OPNOTSUPP, 0);
      return -1;
  }
}

}  // namespace mirror
