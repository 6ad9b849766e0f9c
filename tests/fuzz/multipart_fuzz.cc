// Any bytes as a multipart/form-data body: read whole and in pieces they are the same form or the same error;
// no field and no file is over its limit; a form that is whole ends with its boundary.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/http/multipart.h"
#include "tests/fuzz/input.h"

namespace mirror {
namespace {

struct Kept : HttpBodySink {
  absl::Status Write(std::string_view piece) override {
    bytes.append(piece);
    return absl::OkStatus();
  }
  std::string bytes;
};

struct Read {
  Read(std::string_view body, std::size_t piece) {
    MultipartLimits limits;
    limits.fields_max = 3;
    limits.field_bytes_max = 40;
    limits.header_bytes_max = 120;
    limits.file_bytes_max = 200;
    MultipartSink sink("x", limits, file, form);
    for (std::size_t at = 0; at < body.size() && status.ok(); at += piece)
      status = sink.Write(body.substr(at, piece));
    Require(form->fields.size() <= limits.fields_max && file->bytes.size() <= limits.file_bytes_max);
    for (const auto& [name, value] : form->fields)
      Require(!name.empty() && value.size() <= limits.field_bytes_max);
    Require(form->file_bytes == file->bytes.size());
  }
  std::shared_ptr<Kept> file = std::make_shared<Kept>();
  std::shared_ptr<MultipartForm> form = std::make_shared<MultipartForm>();
  absl::Status status;
};

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using mirror::Require;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const mirror::Read whole(body, body.size() + 1), pieces(body, data[0] % 16 + 1);
  Require(whole.status.code() == pieces.status.code() && whole.form->is_whole == pieces.form->is_whole);
  Require(!whole.form->is_whole || body.ends_with("--x--") || body.ends_with("--x--\r") ||
          body.ends_with("--x--\r\n"));
  if (whole.status.ok()) {
    Require(whole.file->bytes == pieces.file->bytes || !whole.form->is_whole);
    Require(whole.form->fields == pieces.form->fields || !whole.form->is_whole);
  }
  return 0;
}
