#include "proto/wire/row_digest.h"

#include <xxhash.h>

#include <bit>
#include <cstring>
#include <new>

namespace mirror {

static_assert(std::endian::native == std::endian::little, "the digest's bytes are lowest first");

void RowDigest::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

RowDigest::RowDigest() : state_(XXH3_createState()) {
  if (state_ == nullptr) throw std::bad_alloc();
}

RowDigest::~RowDigest() = default;

void RowDigest::AddReal(double value) {
  AddNumber(2, std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value));
}

void RowDigest::AddNumber(char kind, std::uint64_t value) {
  char bytes[1 + sizeof(value)];
  bytes[0] = kind;
  std::memcpy(bytes + 1, &value, sizeof(value));
  buffer_.append(bytes, sizeof(bytes));
}

void RowDigest::AddPiece(std::string_view piece) {
  if (buffer_.size() + piece.size() <= kBufferMax) {
    buffer_.append(piece);
    return;
  }
  Flush();
  XXH3_64bits_update(state_.get(), piece.data(), piece.size());
}

void RowDigest::Flush() {
  if (!flushed_) XXH3_64bits_reset(state_.get());
  flushed_ = true;
  XXH3_64bits_update(state_.get(), buffer_.data(), buffer_.size());
  buffer_.clear();
}

std::uint64_t RowDigest::Finish() {
  if (flushed_) Flush();
  const std::uint64_t digest =
      flushed_ ? XXH3_64bits_digest(state_.get()) : XXH3_64bits(buffer_.data(), buffer_.size());
  buffer_.clear();
  flushed_ = false;
  return digest;
}

}  // namespace mirror
