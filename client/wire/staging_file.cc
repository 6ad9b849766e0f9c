#include "client/wire/staging_file.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

class Writer {
 public:
  template <typename Number>
  void Put(Number number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  /// Writes the number of values, then the values.
  template <typename Values>
  void PutAll(const Values& values) {
    Put<std::uint64_t>(values.size());
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof *values.data());
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <typename Number>
  Number Get() {
    Number number{};
    if (!Has(sizeof number)) return number;
    std::memcpy(&number, bytes_.data(), sizeof number);
    bytes_.remove_prefix(sizeof number);
    return number;
  }
  template <typename Values>
  Values GetAll() {
    using Value = typename Values::value_type;
    const auto count = Get<std::uint64_t>();
    Values values;
    if (count > bytes_.size() / sizeof(Value)) good_ = false;
    if (!good_ || count == 0) return values;
    values.resize(count);
    std::memcpy(values.data(), bytes_.data(), count * sizeof(Value));
    bytes_.remove_prefix(count * sizeof(Value));
    return values;
  }
  bool good() const { return good_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  bool Has(std::size_t size) {
    good_ = good_ && bytes_.size() >= size;
    return good_;
  }

  std::string_view bytes_;
  bool good_ = true;
};

/// The values of one column, one by one, in the order of appending.
class Values {
 public:
  explicit Values(Reader& from)
      : ints_(from.GetAll<std::vector<std::int64_t>>()),
        doubles_(from.GetAll<std::vector<double>>()),
        data_(from.GetAll<std::string>()),
        lengths_(from.GetAll<std::vector<std::uint32_t>>()),
        nulls_(from.GetAll<std::string>()),
        kinds_(from.GetAll<std::string>()),
        large_(GetLarge(from)) {}

  /// False: there is none.
  bool AppendNext(std::size_t row, ColumnBuffer* column) {
    switch (column->storage()) {
      case Storage::kInts:
        return AppendInt(IsNull(row), column);
      case Storage::kDoubles:
        return AppendDouble(IsNull(row), column);
      case Storage::kBytes:
        return AppendBytes(IsNull(row), row, Kind::kText, column);
      case Storage::kAny:
        break;
    }
    if (row >= kinds_.size()) return false;
    const Kind kind{static_cast<std::uint8_t>(kinds_[row])};
    if (kind == Kind::kInteger) return AppendInt(false, column);
    if (kind == Kind::kReal) return AppendDouble(false, column);
    if (kind != Kind::kNull) return AppendBytes(false, row, kind, column);
    column->AppendNull();
    return true;
  }

 private:
  static std::vector<LargeValue> GetLarge(Reader& from) {
    std::vector<LargeValue> large;
    for (auto left = from.Get<std::uint64_t>(); from.good() && left > 0; --left) {
      LargeValue& value = large.emplace_back();
      value.row = from.Get<std::uint32_t>();
      value.value_id = from.Get<std::uint64_t>();
      value.size = from.Get<std::uint64_t>();
    }
    return large;
  }
  bool IsNull(std::size_t row) const {
    return row / 8 < nulls_.size() && ((static_cast<unsigned char>(nulls_[row / 8]) >> (row % 8)) & 1U) != 0;
  }
  bool AppendInt(bool null, ColumnBuffer* column) {
    if (next_int_ == ints_.size()) return false;
    const std::int64_t value = ints_[next_int_++];
    null ? column->AppendNull() : column->AppendInt(value);
    return true;
  }
  bool AppendDouble(bool null, ColumnBuffer* column) {
    if (next_double_ == doubles_.size()) return false;
    const double value = doubles_[next_double_++];
    null ? column->AppendNull() : column->AppendDouble(value);
    return true;
  }
  bool AppendBytes(bool null, std::size_t row, Kind kind, ColumnBuffer* column) {
    if (next_length_ == lengths_.size() || lengths_[next_length_] > data_.size() - data_at_) return false;
    const std::string_view value = std::string_view(data_).substr(data_at_, lengths_[next_length_]);
    data_at_ += lengths_[next_length_++];
    const bool large = next_large_ < large_.size() && large_[next_large_].row == row;
    if (null) {
      column->AppendNull();
    } else if (large) {
      column->AppendLarge(large_[next_large_].value_id, large_[next_large_].size, kind);
      ++next_large_;
    } else {
      column->AppendBytes(value, kind);
    }
    return true;
  }

  const std::vector<std::int64_t> ints_;
  const std::vector<double> doubles_;
  const std::string data_;
  const std::vector<std::uint32_t> lengths_;
  const std::string nulls_, kinds_;
  const std::vector<LargeValue> large_;
  std::size_t next_int_ = 0, next_double_ = 0, next_length_ = 0, next_large_ = 0, data_at_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StagingFile>> StagingFile::Make(const std::string& path,
                                                               std::uint64_t bytes_max) {
  // It may be the file of a run that was killed before it removed the name; a link is not ours.
  unlink(path.c_str());
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) {
    return absl::UnavailableError(absl::StrCat("'", path, "' cannot be made: ", std::strerror(errno)));
  }
  unlink(path.c_str());
  struct statvfs disk = {};
  if (fstatvfs(file, &disk) == 0) {
    const std::uint64_t free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    bytes_max = std::min(bytes_max, free / 2);
  }
  return std::unique_ptr<StagingFile>(new StagingFile(file, bytes_max));
}

StagingFile::~StagingFile() { close(file_); }

absl::StatusOr<StagingFile::Place> StagingFile::Append(std::string_view bytes) {
  if (end_ + bytes.size() > bytes_max_)
    return absl::ResourceExhaustedError("the limit of staged rows is reached");
  const Place place{end_, bytes.size(), XXH3_64bits(bytes.data(), bytes.size())};
  for (std::uint64_t at = end_; !bytes.empty();) {
    const ssize_t written = pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const std::string error = std::strerror(errno);
      // Other programs need the remaining room.
      (void)!ftruncate(file_, static_cast<off_t>(end_));
      return absl::ResourceExhaustedError(absl::StrCat("staging rows: ", error));
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += static_cast<std::uint64_t>(written);
  }
  end_ += place.size;
  return place;
}

absl::StatusOr<std::string> StagingFile::Read(const Place& place) const {
  std::string bytes(place.size, '\0');
  for (std::uint64_t done = 0; done < place.size;) {
    const ssize_t got =
        pread(file_, bytes.data() + done, place.size - done, static_cast<off_t>(place.at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::uint64_t>(got);
  }
  if (XXH3_64bits(bytes.data(), bytes.size()) == place.hash) return bytes;
  return absl::DataLossError(
      "rows that the agent stored on its disk were changed there. Nothing of the table is committed; check "
      "the disk of 'state_dir', and run again");
}

void StagingFile::Clear() {
  end_ = 0;
  // If that fails, it is overwritten.
  (void)!ftruncate(file_, 0);
}

std::string ToBytes(const std::vector<ChangeBlock>& blocks) {
  Writer bytes;
  bytes.Put<std::uint64_t>(blocks.size());
  for (const ChangeBlock& block : blocks) {
    bytes.Put(block.operation);
    bytes.Put<std::uint64_t>(block.rows.columns.size());
    for (const ColumnBuffer& column : block.rows.columns) {
      bytes.Put(column.column());
      bytes.Put(column.storage());
      bytes.Put<std::uint64_t>(column.rows());
      bytes.PutAll(column.ints());
      bytes.PutAll(column.doubles());
      bytes.PutAll(column.data());
      bytes.PutAll(column.lengths());
      bytes.PutAll(column.nulls());
      bytes.PutAll(column.kinds());
      bytes.Put<std::uint64_t>(column.large().size());
      for (const LargeValue& value : column.large()) {
        bytes.Put(value.row);
        bytes.Put(value.value_id);
        bytes.Put(value.size);
      }
    }
  }
  return bytes.Take();
}

std::optional<std::vector<ChangeBlock>> BlocksOf(std::string_view bytes) {
  Reader from(bytes);
  std::vector<ChangeBlock> blocks;
  for (auto left = from.Get<std::uint64_t>(); from.good() && left > 0; --left) {
    ChangeBlock& block = blocks.emplace_back();
    block.operation = from.Get<Operation>();
    for (auto columns = from.Get<std::uint64_t>(); from.good() && columns > 0; --columns) {
      const auto index = from.Get<std::uint32_t>();
      const auto storage = from.Get<Storage>();
      const auto rows = from.Get<std::uint64_t>();
      Values values(from);
      if (!from.good()) return std::nullopt;
      ColumnBuffer& column = block.rows.columns.emplace_back(index, storage);
      for (std::size_t row = 0; row < rows; ++row) {
        if (!values.AppendNext(row, &column)) return std::nullopt;
      }
    }
  }
  if (!from.good() || !from.at_end()) return std::nullopt;
  return blocks;
}

}  // namespace mirror
