# Prints tokens that Crypt::JWT has signed, for each algorithm that it and the filter know, with keys in PEM from the folder that is
# named.
use strict;
use warnings;

use Crypt::JWT qw(encode_jwt);
use JSON::PP;
use MIME::Base64 qw(decode_base64 encode_base64url);

use constant EXP => 4_102_444_800;    # 2100-01-01

my ($folder) = @ARGV;
my @FILES = (
    (map { [$_, 'rsa'] } qw(RS256 RS384 RS512 PS256 PS384 PS512)),
    ['ES256', 'p256'], ['ES384', 'p384'], ['ES512', 'p521'], ['EdDSA', 'ed25519'],
);

sub content {
    my ($name) = @_;
    open my $file, '<', "$folder/$name" or die "$name: $!";
    local $/;
    return scalar <$file>;
}

sub token {
    my ($name, $alg, $key) = @_;
    my $claims = { iss => "Crypt::JWT/$name", sub => 'interoperability', exp => EXP };
    return encode_jwt(payload => $claims, alg => $alg, key => $key);
}

my $secret = decode_base64(content('secret'));
my $oct = { kty => 'oct', k => encode_base64url($secret) };
my @tokens = map { { name => $_, key => $oct, token => token($_, $_, $secret) } } qw(HS256 HS384 HS512);
for (@FILES) {
    my ($alg, $file) = @$_;
    my $name = $alg eq 'EdDSA' ? 'EdDSA on Ed25519' : $alg;
    my $pem = content("$file.pem");
    push @tokens, { name => $name, key => content("$file.pub.pem"), token => token($name, $alg, \$pem) };
}
my $made = { library => 'Crypt::JWT', language => 'Perl', version => "$Crypt::JWT::VERSION", tokens => \@tokens };
print JSON::PP->new->pretty->canonical->encode($made);
